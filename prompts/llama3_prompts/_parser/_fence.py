"""Lines of backticks or tildes, in which models like to put their calls.

Source: fenced code blocks in CommonMark, https://spec.commonmark.org/0.31.2/#fenced-code-blocks.
"""

from __future__ import annotations

import enum
import re
from typing import Final

FENCES: Final = "`~"
_LEAST: Final = 3
_OPENS: Final = re.compile(r"(?P<mark>`+|~+)[\w+-]{0,20}[ \t]{0,8}")
_BLOCK: Final = re.compile(r"(?P<mark>`{3,}|~{3,})[\w+-]*[ \t]*")


class Mark(enum.Enum):
    """What a fence says of the character it was just given."""

    MORE = enum.auto()
    """Consumed; the line goes on."""
    OPENED = enum.auto()
    """Consumed, and a fence is open."""
    CLOSED = enum.auto()
    """Consumed, and the fence that was open is closed."""
    NONE = enum.auto()
    """Not consumed: with this character it is no fence."""


class Fence:
    """Follows a line that may open or close a fence, and knows whether one is open."""

    def __init__(self) -> None:
        self._held = ""
        self._mark = ""

    def feed(self, char: str) -> Mark:
        """Takes the next character of the line, the first backtick or tilde first."""
        line = self._held + char
        return self._closing(line) if self._mark else self._opening(line)

    def _closing(self, line: str) -> Mark:
        if not self._mark.startswith(line):
            return Mark.NONE
        closed = line == self._mark
        self._held = line
        if closed:
            self._mark = ""
        return Mark.CLOSED if closed else Mark.MORE

    def _opening(self, line: str) -> Mark:
        match = _OPENS.match(line)
        assert match is not None
        mark = match["mark"]
        rest = line[match.end() :]
        if (rest == "\n" and len(mark) >= _LEAST) or (not rest and len(line) == len(mark)):
            self._held = line
            self._mark = mark if rest else ""
            return Mark.OPENED if rest else Mark.MORE
        if rest or len(mark) < _LEAST:
            return Mark.NONE
        self._held = line
        return Mark.MORE

    @property
    def mark(self) -> str:
        """The backticks or tildes that opened the fence; empty where none is open."""
        return self._mark

    def take(self) -> str:
        """The line so far, which is then forgotten."""
        held, self._held = self._held, ""
        return held

    def reset(self) -> None:
        """Forgets all."""
        self._held = self._mark = ""


class Listing:
    """What stands in a fence around what is no call: all of it is shown.

    Args:
        mark: What opened the fence, and closes it at the beginning of a line.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._run = 0

    @property
    def closed(self) -> bool:
        """Whether the line that closes the fence has come."""
        return self._run == len(self._mark)

    def take(self, text: str, at: int, *, at_line_start: bool) -> int:
        """Takes text from `at` on, up to the end of a line or of the fence; returns how far it came."""
        if text[at] == self._mark[0] and (self._run or at_line_start):
            self._run += 1
            return at + 1
        self._run = 0
        if at_line_start and text[at].isspace():
            return at + 1  # the closing line may be indented
        return text.find("\n", at) + 1 or len(text)


def is_fence(text: str) -> bool:
    """Whether a text begins with the line of a fence."""
    return _BLOCK.match(text) is not None


def without_fence(code: str) -> tuple[str, str]:
    """The code without a fence around it, which no Python begins with, and what was said after the fence."""
    opening, _, rest = code.strip().partition("\n")
    fence = _BLOCK.fullmatch(opening)
    if fence is None:
        return code, ""
    mark = fence["mark"]
    closing = re.search(rf"^{mark}[ \t]*$", rest, re.M)
    if closing is None:
        return rest.removesuffix(mark).rstrip(" \t"), ""
    return rest[: closing.start()].removesuffix("\n"), rest[closing.end() :].strip()
