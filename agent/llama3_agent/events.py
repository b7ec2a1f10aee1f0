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
class Final:
    """The last event of every stream."""

    run: Run


Event = TextDelta | ToolCallDelta | ToolCall | CodeScan | ToolResult | GuardVerdict | Final
