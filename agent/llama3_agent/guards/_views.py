"""The ways in which a text may be read: as it stands, without its disguise, and what it encodes.

Classifiers are led astray by spaced-out letters, look-alike forms, invisible characters and encodings, which
people and language models read all the same.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from typing import Final

_TAGS: Final = range(0xE0020, 0xE007F)
"""An invisible copy of ASCII, meant for flags."""
_FILLERS: Final = "\u034f\u115f\u1160\u3164\uffa0"
_SPACED: Final = re.compile(r"(?<!\w)(?:\w(?:[ \t]{1,4}|[._*|~-])){4,}\w(?!\w)")
_GAP: Final = re.compile(r"[ \t]{2,}")
_BASE64: Final = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w+/=-])")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[ :]?){12,}(?![0-9A-Za-z])")


def views(text: str) -> list[str]:
    """The readings of a text, itself first, each once."""
    plain = normalised(text)
    return list(dict.fromkeys([text, plain, *decoded(plain)]))


def normalised(text: str) -> str:
    """The text in compatibility form, invisible characters dropped or, if they spell something, shown.

    Letters set apart by spaces or marks are joined, and white space is collapsed.
    """
    shown = "".join(chr(ord(one) - 0xE0000) if ord(one) in _TAGS else one for one in text)
    visible = "".join(one for one in unicodedata.normalize("NFKC", shown) if not invisible(one))
    return " ".join(_SPACED.sub(_joined, visible).split())


def invisible(character: str) -> bool:
    """Whether a character shows nothing: zero-width, direction, variation, filler."""
    return (
        unicodedata.category(character) == "Cf"
        or character in _FILLERS
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def decoded(text: str) -> list[str]:
    """The texts that stretches of base64 and hexadecimal digits in a text stand for."""
    found = [_readable(_from_base64(match[0])) for match in _BASE64.finditer(text)]
    found += [_readable(bytes.fromhex(re.sub(r"[ :]", "", match[0]))) for match in _HEX.finditer(text)]
    return [one for one in found if one]


def _joined(match: re.Match[str]) -> str:
    """Letters set apart, as words: a wider gap is one between words."""
    parts = _GAP.split(match[0]) if re.search(r"\w[ \t._*|~-]\w", match[0]) else [match[0]]
    return " ".join(re.sub(r"[ \t._*|~-]", "", part) for part in parts)


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_")
    except (binascii.Error, ValueError):
        return b""


def _readable(data: bytes) -> str:
    """The text, if it is one: long words and digests decode to something too."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return normalised(text) if re.fullmatch(r"[\s\x20-\x7e\xa0-\U0010ffff]*", text) else ""
