"""Text that does not parse: as much of a tree as can be saved, and dangerous names by their spelling."""

from __future__ import annotations

import ast
import functools
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Iterator

from llama3_tools.gate import _names, _tables
from llama3_tools.gate._lines import line_finder
from llama3_tools.gate._rules import found
from llama3_tools.gate._types import Finding

_MOST_BLOCKS = 2000
# Unclosed strings end with their line or the text, so that each character is read once.
_NOISE = re.compile(
    r'"""[\s\S]*?(?:"""|\Z)|'
    r"'''[\s\S]*?(?:'''|\Z)|"
    r'"(?:\\.|[^"\\\n])*"?|'
    r"'(?:\\.|[^'\\\n])*'?|#[^\n]*"
)
_ALIAS = re.compile(r"\bimport[ \t]+([\w.]{1,80})[ \t]+as[ \t]+(\w{1,80})")
_DOT = r"[ \t]{0,20}\.[ \t]{0,20}"
_PARENTHESIS = r"[ \t]{0,20}\("


def salvage(code: str) -> ast.Module:
    """The statements of `code` that parse by themselves, with their lines kept."""
    body: list[ast.stmt] = []
    for first, block in _blocks(textwrap.dedent(code))[:_MOST_BLOCKS]:
        tree = parse(block)
        if tree is not None:
            body += ast.increment_lineno(tree, first).body
    return ast.Module(body=body, type_ignores=[])


def parse(code: str) -> ast.Module | None:
    """The tree of `code`; `None` where it is not Python.

    Raises:
        RecursionError, MemoryError: if it is nested too deeply for Python's own parser.
    """
    with warnings.catch_warnings():
        # Odd escapes such as "\\d" are none of the gate's business.
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError):
            return None


def masked(code: str) -> str:
    """`code` with its strings and comments blanked, character for character."""
    return _NOISE.sub(_blank, code)


def _blocks(code: str) -> list[tuple[int, str]]:
    blocks: list[tuple[int, list[str]]] = []
    for number, line in enumerate(code.split("\n")):
        if not blocks or (line.strip() and not line[0].isspace()):
            blocks.append((number, []))
        blocks[-1][1].append(line)
    return [(first, "\n".join(lines)) for first, lines in blocks]


def scan_spelling(code: str) -> Iterator[Finding]:
    """Dangerous names outside strings and comments, read as plain text."""
    plain = masked(code if code.isascii() else unicodedata.normalize("NFKC", code))
    for alias, name in {match.group(2): match.group(1) for match in _few_aliases(plain)}.items():
        if name.partition(".")[0] in _names.ASSUMED:
            plain = re.sub(rf"(?<![\w.]){re.escape(alias)}(?={_DOT})", name, plain)
    line_of = line_finder(plain)
    words = set(re.findall(r"\w+", plain))
    for parts, name, rule in _spellings():
        if not words.issuperset(parts):
            continue
        for match in _pattern(name).finditer(plain):
            shown = re.sub(r"[\s(]", "", match.group())
            yield found(rule, line_of(match.start()), shown.removeprefix("."))


def _few_aliases(plain: str) -> list[re.Match[str]]:
    return [match for match, _ in zip(_ALIAS.finditer(plain), range(20), strict=False)]


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


@functools.cache
def _spellings() -> tuple[tuple[frozenset[str], str, str], ...]:
    """Words that must occur, how the name is written here (`.name`: a method), and its rule."""
    modules = {
        f"{name}.": rule for name, rule in _tables.MODULES.items() if "." in name or name in _names.ASSUMED
    }
    methods = {f".{name}": rule for name, rule in _tables.CALLED.items()}
    everything = {**_tables.EXACT, **modules, **methods}
    return tuple((frozenset(filter(None, name.split("."))), name, rule) for name, rule in everything.items())


@functools.cache
def _pattern(name: str) -> re.Pattern[str]:
    if name.startswith("."):
        return re.compile(rf"\.[ \t]{{0,20}}{name[1:]}{_PARENTHESIS}")
    if "." not in name:
        return re.compile(rf"(?<![\w.]){name}{_PARENTHESIS}")
    dotted = _DOT.join(map(re.escape, filter(None, name.split("."))))
    tail = _DOT + r"\w{1,80}" if name.endswith(".") else r"\b"
    return re.compile(rf"(?<![\w.]){dotted}{tail}")
