"""A pydantic model from a JSON Schema, so that every tool's arguments are checked the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, create_model

from llama3_prompts._reference import resolved

_PLAIN: Final[dict[str, Any]] = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "null": None,
}
_MAX_DEPTH: Final = 12

_Schema = Mapping[str, Any]


def model_from_schema(name: str, schema: _Schema) -> type[BaseModel]:
    """A model that coerces values to the types of an object schema.

    Understood: types, ``enum``, ``const``, ``anyOf``/``oneOf``/``allOf``, ``items``, nested ``properties``,
    ``required`` and local ``$ref``. All else is for a validator of the whole schema.

    Args:
        name: A name for the model.
        schema: A JSON Schema whose type is object.
    """
    return _object_model(name, schema, schema, 0)


def _object_model(name: str, schema: _Schema, root: _Schema, depth: int) -> type[BaseModel]:
    named = schema.get("required")
    required = set(named) if isinstance(named, list) else set()
    fields: dict[str, Any] = {}
    for i, (key, value) in enumerate(schema.get("properties", {}).items()):
        default = ... if key in required else None
        # Numbered names, because a property may be called anything, "json" and "_x" included.
        fields[f"field_{i}"] = (_annotation(value, root, depth + 1), Field(default, alias=key))
    extra: Literal["forbid", "allow"] = "forbid" if schema.get("additionalProperties") is False else "allow"
    model: type[BaseModel] = create_model(name, __config__=ConfigDict(extra=extra), **fields)
    return model


def _annotation(schema: Any, root: _Schema, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return Any
    if "$ref" in schema:
        return _annotation(resolved(schema["$ref"], root), root, depth + 1)
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _union([_annotation(option, root, depth + 1) for option in schema[key]])
    if isinstance(schema.get("allOf"), list):
        return _annotation(_merged(schema), root, depth + 1)
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if values and all(isinstance(value, (str, int, bool, type(None))) for value in values):
        return Literal[tuple(values)]
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return _union([_annotation({**schema, "type": kind}, root, depth) for kind in kinds])
    return Any if values else _of_type(kinds, schema, root, depth)


def _merged(schema: _Schema) -> _Schema:
    """What all of ``allOf`` say together, as far as types go."""
    whole = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        whole |= part if isinstance(part, Mapping) else {}
    return whole


def _of_type(kind: Any, schema: _Schema, root: _Schema, depth: int) -> Any:
    if kind == "array":
        return list[_annotation(schema.get("items"), root, depth + 1)]  # type: ignore[misc]
    if kind == "object":
        return _object_model("Nested", schema, root, depth) if schema.get("properties") else dict[str, Any]
    return _PLAIN.get(kind, Any) if isinstance(kind, str) else Any


def _union(options: list[Any]) -> Any:
    return Union[tuple(options)] if options else Any  # noqa: UP007 - the options are known only here
