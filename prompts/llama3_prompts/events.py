"""What a `StreamParser` reports while the model is still writing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Event", "TextDelta", "ToolCallDelta"]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer that people read. Never holds call syntax.

    Attributes:
        text: The new characters, at least one.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of a tool call.

    Attributes:
        index: The call's place in the message, counted from 0 over valid and invalid calls together.
        name: The tool's name in the first delta of a call, None in the later ones.
        args_delta: The next slice of the arguments as the model wrote them: code as code, JSON as JSON. The
            slices of one call add up to the source of its arguments.
    """

    index: int
    name: str | None
    args_delta: str


Event: TypeAlias = TextDelta | ToolCallDelta
