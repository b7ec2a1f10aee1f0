"""What checks a tool's arguments: a pydantic model, and for a tool given as a JSON Schema all of that."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydantic import BaseModel

from llama3_prompts._schema_model import model_from_schema

if TYPE_CHECKING:
    import jsonschema
    from langchain_core.tools import BaseTool

ToolLike: TypeAlias = "BaseTool | Callable[..., Any] | type[BaseModel] | Mapping[str, Any]"
Problems: TypeAlias = Callable[[Mapping[str, Any]], list[str]]

_LIMITS: Final = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_KEPT: Final = "is a name that pydantic keeps for itself; call it something else"


def check_signature(tool: ToolLike) -> None:
    """Refuses a function that a model could not call.

    Raises:
        ValueError: A parameter cannot be given by its name.
    """
    if not inspect.isroutine(tool):
        return
    for parameter in inspect.signature(tool).parameters.values():
        problem = _problem(parameter)
        if problem:
            raise ValueError(
                f"{tool.__name__}() cannot be a tool: a model gives every argument by its name, and {problem}"
            )


def _problem(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"*{parameter.name} has none; take a list instead"
    if parameter.kind is parameter.POSITIONAL_ONLY:
        return f"{parameter.name!r} is positional-only; take the / out of the signature"
    hidden = parameter.name.startswith("_") and parameter.default is parameter.empty
    return f"{parameter.name!r} {_KEPT}" if hidden or parameter.name == "model_config" else ""


def tool_model(tool: ToolLike, name: str, parameters: Mapping[str, Any]) -> type[BaseModel]:
    """The model of a tool's arguments: its own where it has one, else one made from their JSON Schema."""
    from langchain_core.tools import BaseTool, create_schema_from_function

    own: object = tool.tool_call_schema if isinstance(tool, BaseTool) else tool
    if callable(own) and not isinstance(own, type):
        own = create_schema_from_function(name, own, parse_docstring=True, error_on_invalid_docstring=False)
    if isinstance(own, type) and issubclass(own, BaseModel):
        return own
    return model_from_schema(name, parameters)


def schema_problems(tool: ToolLike, name: str, parameters: Mapping[str, Any]) -> Problems:
    """Finds what keywords of a JSON Schema arguments go against: bounds, patterns, everything there is.

    A schema that is none is warned of, and the arguments are checked by their types alone.
    """
    if not isinstance(tool, Mapping):
        return lambda _: []
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "the top"
        warnings.warn(
            f"the parameters of {name!r} are no JSON Schema, so only types are checked: "
            f"{error.message} (at {where})",
            stacklevel=2,
        )
        return lambda _: []
    validator = Draft202012Validator(parameters)
    return lambda args: [_said(error) for error in validator.iter_errors(args)]


def _said(error: jsonschema.ValidationError) -> str:
    where = ".".join(map(str, error.absolute_path)) or "values"
    limit = f" ({error.validator} is {error.validator_value})" if error.validator in _LIMITS else ""
    return f"argument {where!r}: {error.message}{limit}"
