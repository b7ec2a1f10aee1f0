"""The system message: one text, the same for the whole conversation, so that its prefix stays cached."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

DEFAULT_INSTRUCTIONS: Final = (
    "You are a helpful assistant. "
    "Use Python for calculations and data, and answer from what the tools return."
)
_CUTOFF: Final = "December 2023"
_HOW_TO_CALL: Final = (
    "You can call these functions. To call one, answer with nothing but JSON of the form "
    '{"name": function name, "parameters": {argument name: value}}.'
)
_MONTHS: Final = (
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
) -> str:
    """The body of the system message.

    Args:
        instructions: What the assistant is told, in the developer's words.
        schemas: The custom tools in OpenAI's function form, in the order shown to the model.
        builtin_tools: Names for the ``Tools:`` line, such as ``brave_search``.
        code_interpreter: Whether to switch on code with ``Environment: ipython``.
        today: The date the model is told; it stays the same for the whole conversation.

    Source: Meta's prompt formats for Llama 3.1, with the tools in the system message.
    """
    head = _head(builtin_tools, code_interpreter, today)
    body = [*head, "", instructions]
    if schemas:
        body += ["", _HOW_TO_CALL, "", *(json.dumps(schema, ensure_ascii=False) for schema in schemas)]
    return "\n".join(body)


def _head(builtin_tools: Sequence[str], code_interpreter: bool, today: datetime.date) -> list[str]:
    lines = ["Environment: ipython"] if code_interpreter else []
    if builtin_tools:
        lines.append("Tools: " + ", ".join(builtin_tools))
    # Not strftime: the month must not follow the machine's locale.
    date = f"{today.day:02d} {_MONTHS[today.month - 1]} {today.year}"
    return [*lines, f"Cutting Knowledge Date: {_CUTOFF}", f"Today Date: {date}"]
