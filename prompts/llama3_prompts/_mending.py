"""Arguments that say the right thing in the wrong type, as models write them."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from llama3_prompts._reference import resolved

_CONTAINERS: Final = frozenset(
    {"list_type", "dict_type", "tuple_type", "set_type", "model_type", "model_attributes_type"}
)
_CHOICES: Final = frozenset({"literal_error", "enum"})


def mended(args: Mapping[str, Any], error: ValidationError, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with what can only be meant in one way: as they were where nothing can be mended.

    A list or object written as a JSON string becomes one, a number becomes the text that is asked for, a
    choice is found whatever its case, and null for an argument that may be left out leaves it out.

    Args:
        args: The arguments by name.
        error: Why they do not fit.
        schema: The JSON Schema of them all.
    """
    copied = copy.deepcopy(dict(args))
    for problem in error.errors(include_url=False, include_context=False):
        _mend(copied, problem["type"], problem["loc"], schema)
    return copied


def _mend(args: dict[str, Any], kind: str, path: Sequence[int | str], schema: Mapping[str, Any]) -> None:
    if not path:
        return
    if args.get(str(path[0])) is None and path[0] not in schema.get("required", ()):
        args.pop(str(path[0]), None)
        return
    holder: Any = args
    for i, part in enumerate(path):
        value = _at(holder, part)
        # What is left of the path may be names that pydantic gives to the members of a union.
        if i == len(path) - 1 or not isinstance(value, (dict, list)):
            if value is not None:
                holder[part] = _meant(kind, value, _choices(path[: i + 1], schema))
            return
        holder = value


def _at(holder: Any, part: int | str) -> Any:
    if isinstance(holder, dict):
        return holder.get(part)
    return holder[part] if isinstance(holder, list) and isinstance(part, int) else None


def _meant(kind: str, value: Any, choices: Sequence[Any]) -> Any:
    if kind in _CONTAINERS and isinstance(value, str):
        return _decoded(value)
    if kind == "string_type" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if kind in _CHOICES:
        same = [choice for choice in choices if str(choice).lower() == str(value).lower()]
        return same[0] if len(same) == 1 else value
    return value


def _decoded(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, (dict, list)) else text


def _choices(path: Sequence[int | str], root: Mapping[str, Any]) -> Sequence[Any]:
    """The values that a schema lets one argument have."""
    node = root
    for part in path:
        inner = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        node = _followed(inner, root)
    values = node.get("enum", ())
    return values if isinstance(values, list) else ()


def _followed(node: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(node, Mapping) and "$ref" in node:
        node = resolved(node["$ref"], root)
    return node if isinstance(node, Mapping) else {}
