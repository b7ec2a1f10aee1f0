"""An answer as a value: which schema it has, how the model is asked for it, and whether it is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator, SchemaError
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from .errors import InputError

OutputType: TypeAlias = "type[Any] | Mapping[str, Any]"
"""A pydantic model, or any type that pydantic knows; or a JSON Schema."""


def schema_of(output_type: OutputType) -> dict[str, Any]:
    """The JSON Schema of what is asked for.

    Raises:
        InputError: It has none, or is none.
    """
    try:
        if not isinstance(output_type, Mapping):
            return TypeAdapter(output_type).json_schema()
        Draft202012Validator.check_schema(output_type)
        return dict(output_type)
    except (PydanticSchemaGenerationError, PydanticUserError, SchemaError) as error:
        why = error.message if isinstance(error, SchemaError | PydanticUserError) else str(error)
        raise InputError(f"output_type {output_type!r} has no JSON Schema: {why}") from error


def request(schema: Mapping[str, Any]) -> str:
    """What the model is asked once it has answered."""
    return f"Give this answer once more, as nothing but JSON of this schema: {json.dumps(schema)}"


def problem(text: str, schema: Mapping[str, Any]) -> str | None:
    """Why a text is no JSON of a schema; None if it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is no JSON ({error})"
    wrong = next(Draft202012Validator(schema).iter_errors(value), None)
    return None if wrong is None else f"{'.'.join(map(str, wrong.absolute_path)) or 'it'}: {wrong.message}"


def parsed(text: str, output_type: OutputType | None) -> Any:
    """The value that a text of its schema spells.

    Raises:
        ValueError: Its own validators object.
    """
    if output_type is None or isinstance(output_type, Mapping):
        return json.loads(text)
    try:
        return TypeAdapter(output_type).validate_json(text)
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False)[0]["msg"]) from error
