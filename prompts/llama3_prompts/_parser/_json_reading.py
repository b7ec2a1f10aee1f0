"""The meaning of one complete JSON object that has the look of a call."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from llama3_prompts._parser._json import MAX_DEPTH
from llama3_prompts._parser._outcome import Bad, Outcome, bind
from llama3_prompts._toolbox import Toolbox

ARGUMENTS: Final = ("parameters", "arguments", "args", "params")
"""Meta's word, OpenAI's, and two that models fall into."""
KEYS: Final = frozenset({"name", "type", "function", "id", *ARGUMENTS})
"""The keys a call may have; an object with any other is data."""

_FORM: Final = '{"name": function name, "parameters": {argument name: value}}'


@dataclass(frozen=True, slots=True)
class CallText:
    """The source of one object.

    Attributes:
        name: The name it gave.
        source: All of it.
        arguments: Its object of arguments, if it has one.
        certain: Whether it has been told of as a call, whatever other keys it may have.
    """

    name: str | None
    source: str
    arguments: str | None = None
    certain: bool = False


def read(text: CallText, toolbox: Toolbox) -> Outcome | None:
    """The call an object stands for, None if its shape is not that of a call."""
    try:
        value = _loads(text.source)
    except (ValueError, RecursionError) as error:
        return Bad(text.name, text.source, "malformed", _explain(error)) if text.name else None
    call = _unwrapped(value, any_keys=text.certain)
    if call is None:
        return None
    name, given = call
    if text.certain and name != text.name:
        message = f"the call names two tools, {text.name!r} and {name!r}; write one call for each"
        return Bad(text.name, text.source, "malformed", message)
    args = _as_object(given)
    if args is None:
        return None
    raw = text.arguments if isinstance(given, Mapping) else given
    return bind(toolbox, name, args, str(raw))


def read_arguments(source: str) -> Mapping[str, Any] | None:
    """The arguments that an object of them spells, None if it is no JSON object."""
    return _as_object(source)


def shapeless(text: CallText) -> Bad:
    """The error for JSON that should have been a call."""
    return Bad(text.name, text.source, "malformed", _misshapen(text))


def _misshapen(text: CallText) -> str:
    try:
        value = _loads(text.source)
    except (ValueError, RecursionError):
        value = None
    inner = value.get("function", value) if isinstance(value, dict) else None
    given = [key for key in ARGUMENTS if key in inner] if isinstance(inner, dict) and text.name else None
    if given is None:
        return f"this JSON is not a call; write {_FORM}"
    if len(given) > 1:
        return f"the call has both {given[0]!r} and {given[1]!r}; write one of them"
    if given:
        return f"the arguments of {text.name}() are no object; write {_FORM}"
    return f"the call has no object of arguments; write {_FORM}"


def why(source: str) -> str:
    """What is wrong with JSON that is none."""
    try:
        _loads(source)
    except (ValueError, RecursionError) as error:
        return _explain(error)
    return f"this JSON is not a call; write {_FORM}"


def unescape(text: str) -> str:
    """What a JSON string with this source says; the source itself if it says nothing."""
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _unwrapped(value: Any, *, any_keys: bool) -> tuple[str, Any] | None:
    """The name and the arguments of a call in any of its shapes."""
    if not isinstance(value, dict):
        return None
    if not any_keys and (not value.keys() <= KEYS or value.get("type", "function") != "function"):
        return None
    function = value.get("function")
    if isinstance(function, dict):
        return _unwrapped(function, any_keys=any_keys) if "function" not in function else None
    name = value.get("name", function)
    given = [value[key] for key in ARGUMENTS if key in value]
    return (name, given[0]) if isinstance(name, str) and len(given) == 1 else None


def _as_object(given: Any) -> Mapping[str, Any] | None:
    if isinstance(given, str):
        try:
            given = _loads(given)
        except (ValueError, RecursionError):
            return None
    return given if isinstance(given, dict) else None


def _loads(source: str) -> Any:
    value = json.loads(
        source,
        strict=False,
        parse_float=_finite,
        parse_constant=_refuse_constant,
        object_pairs_hook=_without_repeats,
    )
    if _deeper_than(value, MAX_DEPTH):
        raise RecursionError
    return value


def _deeper_than(value: Any, depth: int) -> bool:
    """Whether containers lie more than so deep in one another; level by level, so however deep they are."""
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a JSON value")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is given twice")
    return value


def _explain(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"the call is not valid JSON ({error.msg} at character {error.pos}); write {_FORM}"
    if isinstance(error, RecursionError):
        return f"the call is nested more than {MAX_DEPTH} deep; write a flatter one"
    return f"the call is not usable JSON ({str(error)[:80]}); write {_FORM}"
