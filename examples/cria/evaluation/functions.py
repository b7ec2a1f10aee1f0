"""Turn the functions that a case describes into real tools, with the results that the case gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field, create_model

_TYPES: dict[str, type] = {"string": str, "integer": int, "number": float, "boolean": bool}


def function_tool(function: Mapping[str, Any]) -> StructuredTool:
    """A tool that checks its arguments and answers from the case.

    Args:
        function: `name`, `description`, `parameters` (a JSON schema) and `returns`: one value, or a list of
            values in the order of the calls, the last of which repeats. A value `{"raise": text}` is raised.
    """
    return StructuredTool.from_function(
        func=_answers(function["returns"]),
        name=function["name"],
        description=function["description"],
        args_schema=_arguments(function["name"], function["parameters"]),
    )


def brave_search_stand_in(text: str) -> Callable[[str], str]:
    """A `brave_search` that finds what the case says, whatever is asked."""

    def brave_search(query: str) -> str:
        """Search the web.

        Args:
            query: What to search for.
        """
        return text if query.strip() else "error: the query is empty"

    return brave_search


def _answers(returns: Any) -> Callable[..., Any]:
    values = list(returns) if isinstance(returns, list) else [returns]

    def answer(**_arguments: Any) -> Any:
        value = values.pop(0) if len(values) > 1 else values[0]
        if isinstance(value, dict) and "raise" in value:
            raise ValueError(value["raise"])
        return value

    return answer


def _arguments(name: str, schema: Mapping[str, Any]) -> type[BaseModel]:
    required = schema.get("required", ())
    fields: dict[str, Any] = {
        key: (_type(value), _field(value, required=key in required))
        for key, value in schema["properties"].items()
    }
    return create_model(name, **fields)


def _field(schema: Mapping[str, Any], *, required: bool) -> Any:
    default = ... if required else schema.get("default")
    return Field(default, description=schema.get("description"))


def _type(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return Literal[tuple(schema["enum"])]
    if schema["type"] == "array":
        return list[_type(schema["items"])]  # type: ignore[misc]
    return _TYPES[schema["type"]]
