"""The system message: one text, the same for the whole conversation, so that its prefix stays cached."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final

from llama3_prompts._forms import Dialect, declaration

DEFAULT_INSTRUCTIONS: Final = (
    "You are a helpful assistant. "
    "Use Python for calculations and data, and answer from what the tools return."
)
_CUTOFF: Final = "December 2023"
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def system_text(
    *,
    instructions: str,
    schemas: Sequence[Mapping[str, Any]],
    builtin_tools: Sequence[str],
    code_interpreter: bool,
    today: datetime.date,
    dialect: Dialect = "json",
) -> str:
    """The body of the system message.

    Args:
        instructions: What the assistant is told, in the developer's words.
        schemas: The custom tools in OpenAI's function form, in the order shown to the model.
        builtin_tools: Names for the ``Tools:`` line, such as ``brave_search``.
        code_interpreter: Whether to switch on code with ``Environment: ipython``.
        today: The date the model is told; it stays the same for the whole conversation.
        dialect: The form of custom calls. Where it is "list" and nothing else is on offer there are no dates:
            models that learned it saw none beside it.

    Source: Meta's prompt formats for Llama 3.1 and 3.2, with the tools in the system message.
    """
    bare = dialect == "list" and schemas and not builtin_tools and not code_interpreter
    head = [] if bare else [*_head(builtin_tools, code_interpreter, today), ""]
    tools = ["", declaration(schemas, dialect)] if schemas else []
    return "\n".join([*head, instructions, *tools])


def _head(builtin_tools: Sequence[str], code_interpreter: bool, today: datetime.date) -> list[str]:
    lines = ["Environment: ipython"] if code_interpreter else []
    if builtin_tools:
        lines.append("Tools: " + ", ".join(builtin_tools))
    # Not strftime: the month must not follow the machine's locale.
    date = f"{today.day:02d} {MONTHS[today.month - 1]} {today.year}"
    return [*lines, f"Cutting Knowledge Date: {_CUTOFF}", f"Today Date: {date}"]
