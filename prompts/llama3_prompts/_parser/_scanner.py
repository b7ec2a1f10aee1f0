"""What every dialect's scanner has in common. A scanner follows one candidate, a character at a time."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llama3_prompts._parser._outcome import Outcome
from llama3_prompts._toolbox import Toolbox


class Verdict(enum.Enum):
    """What a scanner says of the character it was just given."""

    MORE = enum.auto()
    """Consumed; the candidate goes on."""
    DONE = enum.auto()
    """Consumed, and the candidate is complete."""
    FAIL = enum.auto()
    """Not consumed: with this character the candidate is no call."""
    END = enum.auto()
    """Not consumed: the candidate was complete before this character, and before its `leftover`."""
    DATA = enum.auto()
    """Consumed: JSON, but no call. All of it is text up to where the JSON ends."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a candidate begins.

    Attributes:
        toolbox: The tools that may be called.
        alone: Nothing but calls came before it in the message.
        tagged: It follows ``<|python_tag|>``, and what is no call will be code.
        announced: It follows ``<|python_tag|>``, whether or not there is an interpreter for code.
    """

    toolbox: Toolbox
    alone: bool
    tagged: bool
    announced: bool = False


@dataclass(slots=True)
class Stream:
    """Arguments that can be shown while they are written: ``raw[start:end]`` of the candidate."""

    ordinal: int
    name: str
    start: int
    end: int | None = None


class Scanner(Protocol):
    """One candidate in one dialect.

    Attributes:
        leftover: What was consumed last, and turned out not to belong to the candidate.
    """

    leftover: str

    @property
    def committed(self) -> bool:
        """Whether this is a call for certain, be it a broken one."""
        ...

    @property
    def streams(self) -> Sequence[Stream]:
        """The arguments known so far, once committed."""
        ...

    def feed(self, char: str) -> Verdict:
        """Takes the next character, the candidate's first included."""
        ...

    def skip(self, text: str, at: int) -> int:
        """Takes characters that change nothing, those within a string; returns how far it came."""
        ...

    def outcomes(self, raw: str) -> list[Outcome] | None:
        """The calls of a complete candidate, None if it is no call after all."""
        ...

    def firm(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether these stay calls whatever follows in the message."""
        ...

    def unfinished(self, raw: str, *, truncated: bool) -> list[Outcome] | None:
        """The calls of a candidate at which the message ended, None if it is none."""
        ...
