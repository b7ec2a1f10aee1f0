"""Names for uploaded files: kept as they are when ordinary, else mended; never a path."""

from __future__ import annotations

import re
import unicodedata

from ._errors import SandboxFileError

_ODD = re.compile(r"[^\w .,()+@=&'#%!~\[\]{}-]")
_LONGEST = 150


def inside_name(name: str) -> str:
    """The name under which a file appears inside, for example `"my data.csv"` for itself.

    Raises
    ------
    SandboxFileError
        If nothing of the name can be used, or it is a path: uploads go to the working directory only.
    """
    if "/" in name or "\\" in name or "\x00" in name:
        raise SandboxFileError(f"{name!r} is a path; give a plain file name")
    plain = _ODD.sub(_mended, unicodedata.normalize("NFC", name)).strip().lstrip(".")
    if not plain.strip("._ "):
        raise SandboxFileError(f"{name!r} is not a usable file name")
    return plain if len(plain.encode()) <= _LONGEST else _shorten(plain)


def _mended(odd: re.Match[str]) -> str:
    """Vowel signs, tone marks and accents are part of the letter before them; all else gives way."""
    char = odd[0]
    is_mark = unicodedata.category(char) in {"Mn", "Mc"}
    return char if is_mark and "VARIATION SELECTOR" not in unicodedata.name(char, "") else "_"


def _shorten(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 16:
        stem, dot, suffix = name, "", ""
    room = _LONGEST - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + dot + suffix
