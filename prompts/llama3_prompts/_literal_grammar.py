"""Values written as in Python, by their JSON Schema, as rules of a Lark grammar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from llama3_prompts._reference import resolved

LITERAL_RULES: Final = r"""
literal: STRING | NUMBER | BOOLEAN | NULL | list | dict
list: "[" (literal (", " literal)*)? "]"
dict: "{" (STRING ": " literal (", " STRING ": " literal)*)? "}"
STRING: /"([^"\\\n]|\\[^\n])*"/ | /'([^'\\\n]|\\[^\n])*'/
INTEGER: /-?(0|[1-9][0-9]*)/
NUMBER: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/
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
    if isinstance(kind, list):
        return f"({' | '.join(literal({**schema, 'type': one}, root) for one in kind)})"
    if kind == "array":
        item = literal(schema.get("items"), root)
        return f'("[" ({item} (", " {item})*)? "]")'
    return _PLAIN.get(kind, "literal") if isinstance(kind, str) else "literal"
