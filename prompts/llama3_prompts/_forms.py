"""How custom tools are shown to the model, and how their calls are written, in each of Llama 3's dialects."""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import ToolCall

Dialect: TypeAlias = Literal["json", "list", "tag"]
"""``{"name": ..., "parameters": {...}}``, ``[f(a=1), g(b="x")]`` or ``<function=f>{"a": 1}</function>``."""

DIALECTS: Final[tuple[Dialect, ...]] = ("json", "list", "tag")

_HOW_TO_CALL: Final[dict[Dialect, str]] = {
    "json": (
        "You can call these functions. To call one, answer with nothing but JSON of the form "
        '{"name": function name, "parameters": {argument name: value}}.'
    ),
    "list": (
        "You can call these functions. Call them only when the question needs them and every required "
        "argument is known. To call, answer with nothing but a list of calls of the form "
        "[name1(argument1=value1, argument2=value2), name2(argument=value)], values written as in Python."
    ),
    "tag": (
        "You can call these functions. To call one, answer with nothing but one line of the form "
        '<function=name>{"argument name": value}</function>, with every required argument.'
    ),
}


def declaration(schemas: Sequence[Mapping[str, Any]], dialect: Dialect) -> str:
    """What the model is told of the custom tools: how to call them, then their full schemas.

    Args:
        schemas: The tools in OpenAI's function form, in the order shown to the model.
        dialect: The form in which the model is to call them.

    Source: Meta's prompt formats for Llama 3.1 (JSON and tag) and 3.2 (list), in words of our own.
    """
    show = {"json": _as_json, "list": _as_list, "tag": _as_tags}[dialect]
    return f"{_HOW_TO_CALL[dialect]}\n\n{show(schemas)}"


def _as_json(schemas: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_dump(schema) for schema in schemas)


def _as_list(schemas: Sequence[Mapping[str, Any]]) -> str:
    functions = [
        {**schema["function"], "parameters": {**schema["function"].get("parameters", {}), "type": "dict"}}
        for schema in schemas
    ]
    return json.dumps(functions, ensure_ascii=False, indent=4)


def _as_tags(schemas: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_as_tag(schema["function"]) for schema in schemas)


def _as_tag(function: Mapping[str, Any]) -> str:
    name, purpose = function["name"], function.get("description", "")
    parameters = function.get("parameters", {})
    required = parameters.get("required", ())
    shown = {
        key: {("param_type" if k == "type" else k): v for k, v in value.items()}
        | {"required": key in required}
        for key, value in parameters.get("properties", {}).items()
    }
    line = _dump({"name": name, "description": purpose, "parameters": shown})
    return f"{name}: {purpose}\n{line}" if purpose else f"{name}\n{line}"


def written(calls: Sequence[ToolCall], dialect: Dialect) -> str | None:
    """Calls of custom tools in the list or the tag dialect.

    None where the dialect cannot say them: its arguments are named as in Python.
    """
    if dialect == "tag":
        return "\n".join(f"<function={call['name']}>{_dump(call['args'])}</function>" for call in calls)
    names = [name for call in calls for name in (*call["name"].split("."), *call["args"])]
    if not all(name.isidentifier() and not keyword.iskeyword(name) for name in names):
        return None
    return f"[{', '.join(map(_as_python, calls))}]"


def _as_python(call: ToolCall) -> str:
    arguments = ", ".join(f"{name}={value!r}" for name, value in call["args"].items())
    return f"{call['name']}({arguments})"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
