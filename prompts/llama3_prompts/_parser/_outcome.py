"""What became of a stretch of text that looked like a call."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from llama3_prompts._codec import well_formed
from llama3_prompts._toolbox import CODE_INTERPRETER, ArgumentError, Toolbox

Kind: TypeAlias = Literal["malformed", "truncated", "unknown_tool", "arguments"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that can be carried out. `raw` is the source of its arguments."""

    name: str
    args: dict[str, Any]
    raw: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A call that cannot. `message` says what to mend; `raw` is as much of the source as belongs to it."""

    name: str | None
    raw: str
    kind: Kind
    message: str


Outcome: TypeAlias = Call | Bad


def bind(toolbox: Toolbox, name: str, args: Mapping[str, Any], raw: str) -> Outcome:
    """A call with its arguments checked and coerced, or what is wrong with them."""
    tool = toolbox.get(name)
    if tool is None:
        return Bad(name, raw, "unknown_tool", toolbox.unknown(name))
    checked = tool.check(_clean(args))
    if isinstance(checked, ArgumentError):
        return Bad(name, raw, "arguments", checked.message)
    return Call(name, checked, raw)


def cut_off(name: str | None, raw: str, *, truncated: bool) -> Bad:
    """A call that ended too early: by the token limit, or because the model left it open."""
    if truncated:
        return Bad(name, raw, "truncated", "the call was cut off before its end; write it again, shorter")
    return Bad(
        name, raw, "malformed", "the call is not closed; write it again with every bracket and quote closed"
    )


def goes_on(rest: str) -> bool:
    """Whether what follows a call makes a program of both, the call being an expression in it."""
    try:
        ast.parse(f"_{rest}")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not rest.isspace()


def _clean(value: Any) -> Any:
    """The value with every text in a form that UTF-8 can hold (escapes can spell lone surrogates)."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value


def code_call(toolbox: Toolbox, code: str, *, truncated: bool) -> Outcome:
    """The call that code after ``<|python_tag|>`` is, its fence taken away."""
    if not toolbox.code_interpreter:
        return Bad(CODE_INTERPRETER, code, "unknown_tool", "code cannot be run here; " + toolbox.available())
    if truncated:
        message = "the code was cut off before its end; write it again, shorter"
        return Bad(CODE_INTERPRETER, code, "truncated", message)
    if not code or code.isspace():
        return Bad(
            CODE_INTERPRETER, code, "malformed", "no code was written; write it right after <|python_tag|>"
        )
    return Call(CODE_INTERPRETER, {"code": well_formed(code)}, code)
