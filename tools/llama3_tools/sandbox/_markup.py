"""HTML and SVG from inside, made passive: what is left draws, and does nothing else.

A list says what may stay; the rest is dropped, or becomes text. The output is written anew, tag by tag, with
every text and value escaped and every element closed, so it does not matter how a browser would have read the
input. Each step is linear in the length of the input.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)(?P<rest>[^<>]*)>|<!--|<[!?][^<>]*>")
_ATTRIBUTE = re.compile(r"""([a-zA-Z][\w:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=]+))""")
_MOST_ATTRIBUTE_TEXT, _DEEPEST = 4_000_000, 200
_LONGEST_NAME = re.compile(r"[\w:-]{100}")
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*\Z")
_REACHES_OUT = re.compile(r"(?i)url\((?!\s*['\"]?#)|javascript:|vbscript:|expression|@|\\|data:")
_NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


@dataclass(frozen=True, slots=True)
class _Language:
    """What may stay of a language."""

    elements: frozenset[str]
    empty: frozenset[str]
    """Elements that have no end tag."""
    swallowed: frozenset[str]
    """Elements that go together with what is in them."""
    attributes: frozenset[str] | None
    """None: all but those that act or reach out."""
    fold_case: bool


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HTML = _Language(
    _words(
        "b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img"
        " ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead"
        " tr u ul var"
    ),
    _words("br col hr img"),
    _words(
        "script style template iframe object embed noscript svg math title textarea select xmp noembed"
        " noframes plaintext head"
    ),
    _words("align alt border class colspan dir height lang rowspan scope src start style title width"),
    fold_case=True,
)
_SVG = _Language(
    _words(
        "svg g path rect circle ellipse line polyline polygon text tspan defs clipPath use linearGradient"
        " radialGradient stop symbol marker title desc pattern mask image"
    ),
    _words(""),
    _words("script style metadata foreignObject iframe"),
    None,
    fold_case=False,
)


def passive_html(text: str) -> str:
    """The part of an HTML fragment that only shows: text, tables, lists, pictures that it contains."""
    return "".join(_rewritten(text, _HTML))


def passive_svg(text: str) -> str:
    """The part of an SVG document that only draws; empty if it is none."""
    start = text.find("<svg")
    return "".join(_rewritten(text[start:], _SVG)) if start >= 0 else ""


def _rewritten(text: str, language: _Language) -> Iterator[str]:
    open_elements: list[str] = []
    position = 0
    while (token := _TOKEN.search(text, position)) is not None:
        yield _escaped(text[position : token.start()])
        position = token.end()
        name = token["name"]
        if name is None:
            position = _after(text, "-->", position) if token[0] == "<!--" else position
            continue
        name = name.lower() if language.fold_case else name
        if name in language.swallowed and not token["end"] and not token["rest"].endswith("/"):
            position = _after_end_tag(text, name, position)
        elif name in language.elements:
            yield from _tag(name, token, language, open_elements)
    yield _escaped(text[position:])
    yield from (f"</{name}>" for name in reversed(open_elements))


def _tag(name: str, token: re.Match[str], language: _Language, open_elements: list[str]) -> Iterator[str]:
    if token["end"]:
        if name in open_elements[-_DEEPEST:]:
            while (last := open_elements.pop()) != name:
                yield f"</{last}>"
            yield f"</{name}>"
        return
    closed = name in language.empty or token["rest"].endswith("/")
    if len(open_elements) >= _DEEPEST and not closed:
        return
    yield f"<{name}{_attributes(token['rest'], language)}"
    if name in language.empty:
        yield ">"
    elif closed:
        yield f"></{name}>"
    else:
        open_elements.append(name)
        yield ">"


def _attributes(text: str, language: _Language) -> str:
    # A regular expression that looks for names takes quadratic time over one that does not end.
    if len(text) > _MOST_ATTRIBUTE_TEXT or _LONGEST_NAME.search(re.sub(r"""["'][^"']*["']""", "", text)):
        return ""
    kept: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        name = match[1].lower() if language.fold_case else match[1]
        value = html.unescape(next((part for part in match.groups()[1:] if part is not None), ""))
        if name not in kept and _may_stay(name, value, language):
            kept[name] = value
    return "".join(f' {name}="{html.escape(value)}"' for name, value in kept.items())


def _may_stay(name: str, value: str, language: _Language) -> bool:
    if language.attributes is not None and name not in language.attributes:
        return False
    lowered = name.lower()
    if lowered.startswith("on"):
        return False
    if lowered in ("src", "href", "xlink:href"):
        return bool(_PICTURE.match(value)) or (lowered != "src" and value.startswith("#"))
    if lowered.startswith("xmlns"):
        return value in _NAMESPACES
    return not _REACHES_OUT.search(value)


def _escaped(text: str) -> str:
    return html.escape(html.unescape(text), quote=False)


def _after(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found + len(mark)


def _after_end_tag(text: str, name: str, position: int) -> int:
    found = re.compile(rf"</{name}\s{{0,99}}>", re.IGNORECASE).search(text, position)
    return len(text) if found is None else found.end()
