"""From the forms that a sandbox sent to a `Result`: each is checked for its kind and size, or left out."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

from ._markup import passive_html, passive_svg
from ._text import clean, encodable, one_line
from ._types import FORMATS, Result

TEXT_LIMIT = 200_100
FORM_LIMIT = 6_000_000
_MOST_PIXELS = 100_000_000
_DEEPEST = 32
_MOST_EXTRAS = 16
_PNG, _PNG_END, _JPEG = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82", b"\xff\xd8\xff"


def checked(forms: Mapping[str, Any]) -> Result:
    """What of the forms is what it says it is."""
    kept = {kind: offer for kind in FORMATS if (offer := _form(kind, forms.get(kind))) is not None}
    extra = forms.get("extra")
    return Result(
        **kept,
        extra=_extras(extra) if isinstance(extra, Mapping) else {},
        is_main_result=forms.get("is_main_result") is True,
    )


def _form(kind: str, offer: Any) -> Any:
    if kind in ("json", "chart"):
        return _plain(offer)
    if kind == "data":
        return _table(offer)
    if not isinstance(offer, str) or len(offer) > FORM_LIMIT:
        return None
    return _TEXTS[kind](offer)


def _image(is_whole: Callable[[bytes], bool]) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        compact = "".join(text.split())
        try:
            return compact if is_whole(base64.b64decode(compact, validate=True)) else None
        except (binascii.Error, ValueError):
            return None

    return check


def _is_png(data: bytes) -> bool:
    """A picture of a size that can be decoded, complete to its end mark."""
    if not data.startswith(_PNG) or not data.endswith(_PNG_END) or data[12:16] != b"IHDR":
        return False
    width, height = struct.unpack_from(">II", data, 16)
    return 0 < int(width * height) <= _MOST_PIXELS


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(_JPEG)


_TEXTS: dict[str, Callable[[str], str | None]] = {
    "text": lambda text: clean(text[:TEXT_LIMIT]),
    "html": lambda text: passive_html(encodable(text)),
    "svg": lambda text: passive_svg(encodable(text)) or None,
    "markdown": clean,
    "latex": clean,
    "png": _image(_is_png),
    "jpeg": _image(_is_jpeg),
}


def _table(offer: Any) -> dict[str, list[Any]] | None:
    table = _plain(offer)
    if not isinstance(table, dict) or not all(isinstance(column, list) for column in table.values()):
        return None
    return table


def _extras(offer: Mapping[Any, Any]) -> dict[str, Any]:
    first = list(offer.items())[:_MOST_EXTRAS]
    plain = {one_line(str(kind), 100): _plain(value) for kind, value in first}
    return {kind: value for kind, value in plain.items() if value is not None}


def _plain(value: Any, depth: int = _DEEPEST) -> Any:
    """The value if JSON can say it and every reader of JSON can take it, else None."""
    if depth == 0:
        return None
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {encodable(str(key)): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    return value if value is None or isinstance(value, bool | int) else None
