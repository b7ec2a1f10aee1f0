"""The grammar of well-formed calls, for engines that can decode under one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from llama3_prompts._builtin_grammar import Marked, marked_calls
from llama3_prompts._forms import Dialect
from llama3_prompts._literal_grammar import LITERAL_RULES, STRING_RULE, inline, literal
from llama3_prompts._toolbox import Tool, Toolbox

ToolChoice: TypeAlias = "Literal['auto', 'required'] | str"
"""The model may call, must call some tool, or must call the tool of this name."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a message may be.

    Attributes:
        lark: Grammars in llguidance's Lark, https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md,
            the most compact first; a message may follow any one of them.
        openings: A message that begins like one of these, white space aside, follows the grammar from there
            on, and any other is free. When there are none, every message follows it.
    """

    lark: tuple[str, ...]
    openings: tuple[str, ...] = ()


def call_grammar(
    toolbox: Toolbox, dialect: Dialect, *, marked: bool, choice: ToolChoice = "auto"
) -> Grammar | None:
    """The grammar of calls of these tools; None when every message would be free.

    Args:
        toolbox: What can be called.
        dialect: The form in which custom tools are called.
        marked: Whether the tokenizer has ``<|python_tag|>``, which may stand before a call in JSON.
        choice: Whether the model has to call, and what.

    Raises:
        ValueError: The choice names a tool that is not there, or there is none to be called.
    """
    named = None if choice in {"auto", "required"} else choice
    tools = [tool for tool in toolbox.described if named in (None, tool.name)]
    asked = [name for name in toolbox.dotted if named in (None, name)]
    others = marked_calls(asked, known=toolbox.dotted, marked=marked)
    if not tools and not others.alternatives and choice != "auto":
        raise ValueError(f"tool_choice={choice!r}, but there is no such tool to be called")
    openings = (*_openings(tools, dialect), *others.openings) if choice == "auto" else ()
    if choice == "auto" and not openings:
        return None
    # After the mark, only JSON is read as a call of a custom tool; all else would be code.
    mark = "<|python_tag|>? " if marked and dialect == "json" else ""
    forms = {"json": _json_forms, "tag": _tag_forms, "list": _list_form}[dialect]
    bodies = list(forms(tools, mark)) if tools else [_Body()]
    return Grammar(tuple(_lark(body, others) for body in bodies), openings)


def _openings(tools: Sequence[Tool], dialect: Dialect) -> Sequence[str]:
    if dialect == "list":
        return [f"[{tool.name}(" for tool in tools]
    return {"json": ('{"name":', '{"type":"function"'), "tag": ("<function=",)}[dialect] if tools else ()


def json_grammar(schema: Mapping[str, Any]) -> Grammar:
    """The grammar of a message that is nothing but JSON.

    Args:
        schema: The JSON Schema of it. Objects whose properties it lists have no others, unless it says so.
            What llguidance does not know of it is not held to.
    """
    return Grammar((f"start: {inline(_closed(schema))}\n",))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _SCHEMAS_BY_NAME and isinstance(value, Mapping):
            closed[key] = {name: _closed(inner) for name, inner in value.items()}
        else:
            closed[key] = value if key in _VALUES else _closed(value)
    if "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed


_SCHEMAS_BY_NAME: Final = frozenset({"properties", "$defs", "definitions"})
_VALUES: Final = frozenset({"enum", "const", "default", "examples"})
_WHITE: Final = "[ \\n\\t]{0,16}"
_SPACE: Final = f"SPACE: /{_WHITE}/"


@dataclass(frozen=True, slots=True)
class _Body:
    """A way to write a message of custom calls.

    Attributes:
        start: What it consists of, in terms of ``call``; empty when there are no custom tools.
        calls: The calls there are.
        rules: All else that is needed.
    """

    start: str = ""
    calls: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


def _lark(body: _Body, others: Marked) -> str:
    messages = [*([body.start] if body.start else []), *others.alternatives]
    call = [f"call: {_either(body.calls)}"] if body.calls else []
    # A terminal may be wanted by both.
    rules = dict.fromkeys((*body.rules, *others.rules))
    return "\n".join([f"start: {_either(messages)}", *call, *rules, ""])


def _either(options: Sequence[str]) -> str:
    return "\n    | ".join(options)


def _json_forms(tools: Sequence[Tool], mark: str) -> Iterable[_Body]:
    """As it is written in the prompt and by `json.dumps`; then with other white space and key names."""
    compact = tuple(
        f"{_quoted('{')} {_quoted(_key('type') + _dump('function') + ', ')}? "
        f"{_quoted(_key('name') + _dump(tool.name) + ', ' + _key('parameters'))} "
        f"{_schema(tool)} {_quoted('}')}"
        for tool in tools
    )
    yield _Body(f"{mark}call ({_quoted('; ')} call)*", compact)
    loose = tuple(
        f"{_quoted('{')} SPACE type? {_string('name')} colon {_string(tool.name)} comma "
        f"arguments colon {_schema(tool, loose=True)} SPACE {_quoted('}')}"
        for tool in tools
    )
    rules = (
        f"type: {_string('type')} colon {_string('function')} comma",
        f"arguments: {_string('parameters')} | {_string('arguments')}",
        f"colon: SPACE {_quoted(':')} SPACE",
        f"comma: SPACE {_quoted(',')} SPACE",
        _SPACE,
    )
    yield _Body(f"{mark}SPACE call (SPACE {_quoted(';')}? SPACE call)*", loose, rules)


def _tag_forms(tools: Sequence[Tool], mark: str) -> Iterable[_Body]:
    for loose in (False, True):
        calls = tuple(
            f"{_quoted('<function=' + tool.name + '>')} {_schema(tool, loose=loose)} {_quoted('</function>')}"
            for tool in tools
        )
        between = "SPACE" if loose else _quoted("\n")
        yield _Body(f"{mark}call ({between} call)*", calls, (_SPACE,) if loose else ())


def _list_form(tools: Sequence[Tool], mark: str) -> Iterable[_Body]:
    rules: list[str] = []
    calls = []
    for number, tool in enumerate(tools):
        calls.append(f"{_quoted(tool.name + '(')} args_{number}_0 {_quoted(')')}")
        rules += _arguments(number, tool.schema["function"].get("parameters", {}))
    start = f"{mark}{_quoted('[')} call ({_quoted(', ')} call)* {_quoted(']')}"
    yield _Body(start, tuple(calls), (*rules, LITERAL_RULES, STRING_RULE))


def _arguments(number: int, parameters: Mapping[str, Any]) -> list[str]:
    """Rules for ``a=1, b="x"`` in the order of the schema, optional ones left out or not.

    ``args_i_k`` is what may come from argument k on when none was written yet, ``more_i_k`` when one was.
    """
    required = set(parameters.get("required", ()))
    properties = list(parameters.get("properties", {}).items())
    rules = [f'args_{number}_{len(properties)}: ""', f'more_{number}_{len(properties)}: ""']
    for at, (name, schema) in enumerate(properties):
        written = f"{_quoted(name + '=')} {literal(schema, parameters)} more_{number}_{at + 1}"
        more = f"{_quoted(', ')} {written}"
        rules.append(
            f"args_{number}_{at}: {written}" + ("" if name in required else f" | args_{number}_{at + 1}")
        )
        rules.append(
            f"more_{number}_{at}: {more}" + ("" if name in required else f" | more_{number}_{at + 1}")
        )
    return rules


def _schema(tool: Tool, *, loose: bool = False) -> str:
    """The arguments as an inline JSON Schema."""
    parameters = dict(tool.schema["function"].get("parameters") or {})
    parameters.setdefault("type", "object")
    if not tool.takes_any:
        parameters["additionalProperties"] = False
    return inline(parameters, white=_WHITE if loose else None)


def _key(name: str) -> str:
    return f"{_dump(name)}: "


def _string(text: str) -> str:
    """A Lark string that is a JSON string."""
    return _quoted(_dump(text))


def _quoted(text: str) -> str:
    """A Lark string."""
    return _dump(text)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
