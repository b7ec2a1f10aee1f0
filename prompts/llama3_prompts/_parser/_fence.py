"""Lines of backticks, in which models like to put their calls."""

from __future__ import annotations

import enum
import re
from typing import Final

TICKS: Final = "```"
TICK: Final = TICKS[0]
_OPENS: Final = re.compile(r"`{0,3}|```[\w+-]{0,20}[ \t]{0,8}")
_CLOSING: Final = re.compile(r"^```[ \t]*$", re.M)
_LINE: Final = re.compile(r"```[\w+-]*[ \t]*")


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
        self._open = False

    def feed(self, char: str) -> Mark:
        """Takes the next character of the line, the first backtick first."""
        line = self._held + char
        if self._open and line == TICKS:
            self._held, self._open = line, False
            return Mark.CLOSED
        if char == "\n" and self._held.startswith(TICKS):
            self._held, self._open = line, True
            return Mark.OPENED
        if not _OPENS.fullmatch(line):
            return Mark.NONE
        self._held = line
        return Mark.MORE

    @property
    def is_open(self) -> bool:
        """Whether what comes now is inside a fence."""
        return self._open

    def take(self) -> str:
        """The line so far, which is then forgotten."""
        held, self._held = self._held, ""
        return held

    def reset(self) -> None:
        """Forgets all."""
        self._held, self._open = "", False


def without_fence(code: str) -> tuple[str, str]:
    """The code without a fence around it, which no Python begins with, and what was said after the fence."""
    opening, _, rest = code.strip().partition("\n")
    if not _LINE.fullmatch(opening):
        return code, ""
    closing = _CLOSING.search(rest)
    if closing is None:
        return rest.removesuffix(TICKS).rstrip(" \t"), ""
    return rest[: closing.start()].removesuffix("\n"), rest[closing.end() :].strip()
