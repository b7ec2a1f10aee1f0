"""Text that is safe to show and short enough to read."""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?"  # every other escape sequence
)
# Invisible characters that reorder what is shown, so that code reads otherwise than it runs.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Return ``text`` without terminal control sequences; line breaks and tabs stay.

    Other control characters become visible escapes such as ``\\x07``.
    """
    return "".join(map(_visible, _ESCAPES.sub("", text.replace("\r\n", "\n"))))


def one_line(text: str) -> str:
    """Return ``text`` printable and on one line."""
    return " ".join(printable(text).split())


def shorten(text: str, limit: int) -> str:
    """Return ``text`` in about ``limit`` characters at most: head, tail and a line on what is missing."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    missing = len(text) - head - tail
    return f"{text[:head]}\n[... {missing:,} characters left out ...]\n{text[-tail:] if tail else ''}"


def _visible(char: str) -> str:
    if char in "\n\t":
        return char
    if char in _REORDERING or unicodedata.category(char) in ("Cc", "Cs"):
        code = ord(char)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return char
