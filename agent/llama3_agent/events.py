"""What `Agent.stream` yields, in order of appearance. All are frozen and slotted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llama3_prompts.events import TextDelta, ToolCallDelta

from .guards._verdict import GuardVerdict

if TYPE_CHECKING:
    from llama3_tools import Execution, Verdict

    from ._run import Run

__all__ = [
    "CodeScan",
    "ContextCompacted",
    "Event",
    "Final",
    "GuardVerdict",
    "TextDelta",
    "ToolCall",
    "ToolCallDelta",
    "ToolResult",
]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model finished writing a call.

    Attributes:
        id: Unique in the conversation.
        name: The tool; ``code_interpreter`` for code.
        args: The arguments; ``{"code": ...}`` for code.
    """

    id: str
    name: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CodeScan:
    """The gate has looked at a piece of code; nothing of it has run yet."""

    call_id: str
    code: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A call has an outcome.

    Attributes:
        call_id: The call's id.
        name: The tool.
        content: Exactly what the model reads.
        ok: False when it failed, was refused or was not run.
        execution: What the sandbox returned, for code that ran.
        files: Names of the plots and files that came out of it; their bytes are in ``Run.files``.
    """

    call_id: str
    name: str
    content: str
    ok: bool = True
    execution: Execution | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContextCompacted:
    """Older parts of the conversation were left out, since it neared the model's window.

    Attributes:
        before: Tokens that it had.
        after: Tokens that it has now.
        dropped: Messages that are gone; one notice stands in their place.
        shortened: Tool results in whose place there is a notice that says what was there.
        kept: Tokens at its beginning that are as they were, and need not be computed again.
    """

    before: int
    after: int
    dropped: int
    shortened: int
    kept: int

    def __str__(self) -> str:
        """What was done, for people."""
        parts = [(self.shortened, "tool results shortened"), (self.dropped, "messages left out")]
        what = ", ".join(f"{count:,} {name}" for count, name in parts if count)
        return f"{self.before:,} tokens brought down to {self.after:,}: {what}"


@dataclass(frozen=True, slots=True)
class Final:
    """The last event of every stream."""

    run: Run


Event = TextDelta | ToolCallDelta | ToolCall | CodeScan | ToolResult | GuardVerdict | ContextCompacted | Final
