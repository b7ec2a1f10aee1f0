"""Values in every form they offer, and the figures that a cell left open.

Everything here calls code of the user's objects: it runs where interrupts are let through, and what it
returns is made of plain strings, numbers, lists and dicts, whatever the objects claimed to be.
"""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import Any

_METHODS = {
    "html": "_repr_html_",
    "markdown": "_repr_markdown_",
    "svg": "_repr_svg_",
    "png": "_repr_png_",
    "jpeg": "_repr_jpeg_",
    "latex": "_repr_latex_",
    "json": "_repr_json_",
}
_KINDS = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/latex": "latex",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/json": "json",
}
_TEXT_LIMIT = 200_000
_FORM_LIMIT = 6_000_000
_JSON_LIMIT = 1_000_000
_MOST_CELLS = 100_000
_MOST_ITEMS = 50_000
_BUDGET = 16_000_000
_figure_kinds = ["png"]
_encode, _decode = json.JSONEncoder(allow_nan=True).encode, json.JSONDecoder().decode

Form = dict[str, Any]


def forms(value: Any) -> Form:
    """A value by kind of presentation: always `text`, and what it offers besides."""
    if _is_figure(value):
        return {"text": _cut(repr(value)), **pictures(value)}
    shown: Form = {"text": _cut(repr(value))}
    if isinstance(value, type):
        return shown
    source = value.to_frame() if _is_a(value, "pandas", "Series") else value
    for kind, method in _METHODS.items():
        if (offered := _call(source, method)) is not None:
            shown[kind] = offered
    if type(value) in (dict, list) and len(value) <= _MOST_ITEMS and (plain := _plain(value)) is not None:
        shown["json"] = plain
    if _is_a(source, "pandas", "DataFrame") and (columns := _columns(source)) is not None:
        shown["data"] = columns
    shown.update(_bundle(source))
    return {kind: offer for kind, offer in shown.items() if _size(offer) <= _FORM_LIMIT}


def from_bundle(bundle: Any) -> Form:
    """Forms by MIME type, as `display(..., raw=True)` takes them."""
    shown: Form = {}
    for mime, offer in dict(bundle).items():
        kind = _KINDS.get(mime)
        plain = _plain(offer) if kind in (None, "json") else _picture(offer)
        if plain is None or type(mime) is not str or _size(plain) > _FORM_LIMIT:
            continue
        if kind is None:
            shown.setdefault("extra", {})[mime] = plain
        else:
            shown[kind] = plain
    return shown


def within_budget(shown: list[Form]) -> list[Form]:
    """As many of the forms as one reply may carry."""
    room, kept = _BUDGET, []
    for form in shown:
        room -= sum(map(_size, form.values()))
        kept.append(form if room >= 0 else {"text": form.get("text", "")[:1_000]})
    return kept


def figures() -> list[Form]:
    """Each figure that pyplot holds open, as pictures; all of them are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    try:
        drawn = [pyplot.figure(number) for number in pyplot.get_fignums()]
        return [{"text": _cut(repr(figure)), **pictures(figure)} for figure in drawn]
    finally:
        pyplot.close("all")


def is_open_figure(value: Any) -> bool:
    """Whether `figures` will show this value anyway."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return pyplot is not None and _is_figure(value) and pyplot.fignum_exists(value.number)


def draw_as(kinds: list[str]) -> None:
    """Draw figures as `"png"`, as `"svg"`, or as both from now on."""
    _figure_kinds[:] = kinds


def pictures(figure: Any) -> Form:
    """A figure in the formats asked for."""
    return {kind: _drawn(figure, kind) for kind in _figure_kinds}


def _drawn(figure: Any, kind: str) -> str:
    target = io.BytesIO()
    figure.savefig(target, format=kind, bbox_inches="tight")
    data = target.getvalue()
    return data.decode() if kind == "svg" else base64.b64encode(data).decode()


def _bundle(value: Any) -> Form:
    try:
        offered = getattr(value, "_repr_mimebundle_", lambda **_: None)(include=None, exclude=None)
        return from_bundle(offered[0] if isinstance(offered, tuple) else offered or {})
    except Exception:  # noqa: BLE001 - user code; a form that fails is a form not offered
        return {}


def _call(value: Any, method: str) -> Any:
    try:
        offered = getattr(value, method, lambda: None)()
        offered = offered[0] if isinstance(offered, tuple) and offered else offered
        if method == "_repr_json_":
            return _plain(offered)
        return _picture(offered)
    except Exception:  # noqa: BLE001 - user code; a form that fails is a form not offered
        return None


def _picture(offered: Any) -> str | None:
    """Text as it is, bytes as base64."""
    if isinstance(offered, bytes):
        return base64.b64encode(offered).decode()
    return str.__str__(offered) if isinstance(offered, str) else None


def _columns(table: Any) -> dict[str, Any] | None:
    """A data frame as lists of plain values by column name."""
    try:
        if table.size > _MOST_CELLS:
            return None
        return {
            str(name): _decode(table.iloc[:, number].to_json(orient="values", date_format="iso"))
            for number, name in enumerate(table.columns)
        }
    except Exception:  # noqa: BLE001 - what the cells hold is up to the user
        return None


def _plain(value: Any) -> Any:
    """The value as JSON has it, or None if it has no such form or a very long one."""
    if value is None:
        return None
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return _decode(text) if len(text) <= _JSON_LIMIT else None


def _size(offer: Any) -> int:
    return len(offer) if isinstance(offer, str) else len(_encode(offer))


def _cut(text: str) -> str:
    text = str.__str__(text)  # a subclass may lie about its length
    return text if len(text) <= _TEXT_LIMIT else text[:_TEXT_LIMIT] + "\n... (cut)"


def _is_figure(value: Any) -> bool:
    return _is_a(value, "matplotlib.figure", "Figure")


def _is_a(value: Any, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and issubclass(type(value), getattr(loaded, name, ()))
