"""Assistant messages that came from elsewhere, written once in the form the model was trained to write."""

from __future__ import annotations

import json

from langchain_core.messages import AIMessage, ToolCall

from llama3_prompts._codec import Piece
from llama3_prompts._forms import Dialect, written
from llama3_prompts._tokenizer import EOM, EOT, PYTHON_TAG
from llama3_prompts._toolbox import CODE_INTERPRETER, Toolbox

_TAG = Piece(PYTHON_TAG, special=True)
_EOM = Piece(EOM, special=True)
_EOT = Piece(EOT, special=True)


def assistant_pieces(message: AIMessage, toolbox: Toolbox, dialect: Dialect = "json") -> list[Piece]:
    """The body and the terminator of a foreign message.

    Code and built-in calls follow ``<|python_tag|>`` and end in ``<|eom_id|>``. Custom calls do so only where
    code is enabled; otherwise they are bare, in the conversation's dialect, and end in ``<|eot_id|>``. Calls
    that were invalid go in as they were.
    """
    text = [Piece(str(message.text))] if message.text else []
    if dialect != "json" and _custom_only(message, toolbox):
        source = written(message.tool_calls, dialect)
        if source is not None:
            return [*_line(text), Piece(source), _EOT]
    calls = [_call(call, toolbox, alone=_count(message) == 1) for call in message.tool_calls]
    calls += [str(call["args"] or "") for call in message.invalid_tool_calls]
    if not calls:
        return [*text, _EOT]
    body = Piece("; ".join(calls))
    if toolbox.code_interpreter or any(call["name"] in toolbox.dotted for call in message.tool_calls):
        return [*text, _TAG, body, _EOM]
    return [*_line(text), body, _EOT]


def _custom_only(message: AIMessage, toolbox: Toolbox) -> bool:
    known = any(call["name"] in toolbox.dotted for call in message.tool_calls)
    return bool(message.tool_calls) and not message.invalid_tool_calls and not known


def _line(text: list[Piece]) -> list[Piece]:
    """The text with white space at its end, without which the brackets after it would be prose."""
    return [piece if piece.text[-1].isspace() else Piece(piece.text + "\n") for piece in text]


def _count(message: AIMessage) -> int:
    return len(message.tool_calls) + len(message.invalid_tool_calls)


def _call(call: ToolCall, toolbox: Toolbox, *, alone: bool) -> str:
    name, args = call["name"], call["args"]
    code = args.get("code")
    if name == CODE_INTERPRETER and alone and isinstance(code, str):
        return code
    query = args.get("query")
    if name in toolbox.builtin_tools and len(args) == 1 and isinstance(query, str):
        return f"{name}.call(query={json.dumps(query, ensure_ascii=False)})"
    typed = {"type": "function"} if toolbox.code_interpreter else {}
    return json.dumps({**typed, "name": name, "parameters": args}, ensure_ascii=False)
