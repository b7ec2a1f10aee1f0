"""Values written as in Python, by their JSON Schema, as rules of a Lark grammar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from llama3_prompts._reference import resolved

_ESCAPE: Final = (
    r"""\\(["'\\abfnrtv]|x[0-9a-fA-F]{2}|u([0-9abcefABCEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}))"""
)
"""Of Python's escapes, those that always end well."""
STRING_RULE: Final = rf"""STRING: /"([^"\\\n]|{_ESCAPE})*"/ | /'([^'\\\n]|{_ESCAPE})*'/"""
LITERAL_RULES: Final = r"""
literal: STRING | NUMBER | BOOLEAN | NULL | list | dict
list: "[" (literal (", " literal)*)? "]"
dict: "{" (STRING ": " literal (", " STRING ": " literal)*)? "}"
INTEGER: /-?(0|[1-9][0-9]{0,39})/
NUMBER: /-?(0|[1-9][0-9]{0,39})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?/
BOOLEAN: "True" | "False"
NULL: "None"
"""
_PLAIN: Final = {
    "string": "STRING",
    "integer": "INTEGER",
    "number": "NUMBER",
    "boolean": "BOOLEAN",
    "null": "NULL",
    "object": "dict",
}


_BOUNDS: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "properties"}
)
"""What a schema may ask for beside a type."""


def inline(schema: Mapping[str, Any], *, white: str | None = None) -> str:
    """A JSON Schema within a rule; what llguidance does not know of it is left to validation.

    Args:
        schema: The schema.
        white: The regular expression of white space between parts; one space after commas and colons by
            default.
    """
    style: dict[str, Any] = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
    if white is not None:
        style = {"whitespace_flexible": True, "whitespace_pattern": white}
    told = {**schema, "x-guidance": {**style, "lenient": True}}
    return f"%json {json.dumps(told, ensure_ascii=False)}"


def literal(schema: Any, root: Mapping[str, Any]) -> str:
    """The part of a rule that matches a value of this schema; any literal where the schema says nothing.

    Args:
        schema: The JSON Schema of one argument.
        root: The schema that local references point into.
    """
    if not isinstance(schema, Mapping):
        return "literal"
    if "$ref" in schema:
        return literal(resolved(schema["$ref"], root), {})  # one step: what refers to itself stays open
    if values := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return f"({' | '.join(json.dumps(repr(value), ensure_ascii=False) for value in values)})"
    for key in ("anyOf", "oneOf"):
        if options := schema.get(key):
            return f"({' | '.join(literal(option, root) for option in options)})"
    kind = schema.get("type")
    if not _BOUNDS.isdisjoint(schema) and _same_in_python(schema, root):
        return inline({**schema, **_definitions(root)})
    if isinstance(kind, list):
        return f"({' | '.join(literal({**schema, 'type': one}, root) for one in kind)})"
    if kind == "array":
        item = literal(schema.get("items"), root)
        return f'("[" ({item} (", " {item})*)? "]")'
    return _PLAIN.get(kind, "literal") if isinstance(kind, str) else "literal"


def _definitions(root: Mapping[str, Any]) -> dict[str, Any]:
    """What references in a part of the schema point to."""
    return {key: root[key] for key in ("$defs", "definitions") if key in root}


def _same_in_python(schema: Any, root: Mapping[str, Any], depth: int = 0) -> bool:
    """Whether a value is written in JSON as in Python: there are no booleans and no null in it."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return False
    if "$ref" in schema:
        return _same_in_python(resolved(schema["$ref"], root), root, depth + 1)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return all(_same_in_python(option, root, depth + 1) for option in options)
    kind = schema.get("type")
    if kind == "array":
        return _same_in_python(schema.get("items"), root, depth + 1)
    if kind == "object":
        parts = [*schema.get("properties", {}).values()]
        if (others := schema.get("additionalProperties", {})) is not False:
            parts.append(others)
        return all(_same_in_python(part, root, depth + 1) for part in parts)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [""])
    return kind in {"string", "integer", "number"} and all(isinstance(v, str) for v in values)


_DEEPEST: Final = 8
