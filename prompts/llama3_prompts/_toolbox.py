"""The tools of a conversation: what the model is told about them, and whether a call's arguments fit."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from llama3_prompts._mending import mended
from llama3_prompts._schema_model import model_from_schema
from llama3_prompts._tool_model import Problems, ToolLike, check_signature, schema_problems, tool_model

CODE_INTERPRETER: Final = "code_interpreter"
BUILTIN_TOOLS: Final = ("brave_search", "wolfram_alpha")
_MOST_PROBLEMS: Final = 5


@dataclass(frozen=True, slots=True)
class ArgumentError:
    """Why arguments do not fit, in one sentence that says what to mend."""

    message: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as the parser sees it.

    Attributes:
        name: The name the model calls.
        schema: The tool in OpenAI's function form.
        model: Checks and coerces the arguments.
        problems: What else is wrong with arguments that the model has coerced.
    """

    name: str
    schema: Mapping[str, Any]
    model: type[BaseModel]
    problems: Problems = lambda _: []

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the arguments, in the order of the signature."""
        return tuple(field.alias or name for name, field in self.model.model_fields.items())

    def check(self, args: Mapping[str, Any]) -> dict[str, Any] | ArgumentError:
        """The arguments coerced to the tool's types, as JSON-able values, or what is wrong with them."""
        unknown = sorted(name for name in args if name not in self.parameters)
        if unknown and not self.takes_any:
            names = ", ".join(map(repr, unknown[:_MOST_PROBLEMS]))
            return ArgumentError(f"{self.name}() has no argument {names}; {self._usage()}")
        try:
            checked = self._validated(args)
            values = checked.model_dump(mode="json", by_alias=True, exclude_unset=True)
            json.dumps(values, allow_nan=False)
            wrong = self.problems(values)
        except ValidationError as error:
            return self._refused(_listed(error))
        except Exception as error:  # noqa: BLE001 - a tool's own validators may raise anything
            said = str(error) or type(error).__name__
            return ArgumentError(f"{self.name}() cannot use these arguments: {said}")
        return self._refused(wrong) if wrong else values

    def _validated(self, args: Mapping[str, Any]) -> BaseModel:
        try:
            return self.model.model_validate(dict(args))
        except ValidationError as error:
            again = mended(args, error, self.schema["function"].get("parameters", {}))
            if again == args:
                raise
        return self.model.model_validate(again)

    def _refused(self, problems: Sequence[str]) -> ArgumentError:
        return ArgumentError(f"{self.name}() " + "; ".join(problems[:_MOST_PROBLEMS]))

    @property
    def takes_any(self) -> bool:
        """Whether arguments may have names that the schema does not mention."""
        parameters = self.schema["function"].get("parameters", {})
        if self.model.model_config.get("extra") != "allow":
            return False
        return bool(parameters.get("additionalProperties")) or not parameters.get("properties")

    def _usage(self) -> str:
        return f"it takes: {', '.join(self.parameters)}" if self.parameters else "it takes none"


def _listed(error: ValidationError) -> list[str]:
    return [
        # How pydantic tried to read a value is of no help to a model.
        f"argument {'.'.join(map(str, one['loc'])) or 'values'!r}: {one['msg'].split(', unable to')[0]}"
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]


class Toolbox:
    """The tools one conversation offers.

    Args:
        tools: Typed functions, LangChain tools, pydantic models, OpenAI function schemas, or tools of another
            toolbox.
        code_interpreter: Whether code may be run.
        builtin_tools: The tools that the model knows by training.

    Raises:
        ValueError: Two tools have the same name, or a function's parameter cannot be given by name.
    """

    def __init__(
        self,
        tools: Sequence[ToolLike | Tool],
        code_interpreter: bool,
        builtin_tools: Sequence[str] = BUILTIN_TOOLS,
    ) -> None:
        custom = self._custom = [_tool(tool) for tool in tools]
        self.builtin_tools = tuple(builtin_tools)
        self.code_interpreter = code_interpreter
        names = [tool.name for tool in custom]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two tools are named {sorted(twice)[0]!r}; give each its own name")
        # A custom tool that carries a built-in's name is how that built-in is run: the model needs no second
        # schema.
        self.described = tuple(tool for tool in custom if tool.name not in self.dotted)
        self.schemas = [dict(tool.schema) for tool in self.described]
        self._tools = {tool.name: tool for tool in custom}
        for name in self.dotted:
            self._tools.setdefault(name, _builtin(name))

    @property
    def dotted(self) -> tuple[str, ...]:
        """The names that may be called as ``name.call(...)``."""
        return self.builtin_tools + ((CODE_INTERPRETER,) if self.code_interpreter else ())

    @property
    def names(self) -> tuple[str, ...]:
        """Every tool's name."""
        return tuple(self._tools)

    def get(self, name: str) -> Tool | None:
        """The tool of that name, if there is one."""
        return self._tools.get(name)

    def widened(self, tools: Sequence[ToolLike]) -> Toolbox:
        """This toolbox with more custom tools behind the others."""
        return Toolbox([*self._custom, *tools], self.code_interpreter, self.builtin_tools)

    def narrowed(self, names: Collection[str]) -> Toolbox:
        """This toolbox without the custom tools of these names."""
        left = [tool for tool in self._custom if tool.name not in names]
        return Toolbox(left, self.code_interpreter, self.builtin_tools)

    def unknown(self, name: str) -> str:
        """The message for a call of a tool that does not exist."""
        return f"unknown tool {name!r}; {self.available()}"

    def available(self) -> str:
        """What there is to call instead."""
        if not self._tools:
            return "there are no tools; answer in words"
        return f"the tools are: {', '.join(self.names)}"

    def to_state(self) -> dict[str, Any]:
        """The toolbox as JSON-able values."""
        return {
            "tools": [dict(tool.schema) for tool in self._tools.values() if tool.name not in self.dotted],
            "builtin_tools": list(self.builtin_tools),
            "code_interpreter": self.code_interpreter,
        }

    def changes_since(self, state: Mapping[str, Any]) -> list[str]:
        """How the custom tools differ from those of the toolbox that `to_state` described."""
        before = {schema["function"]["name"]: schema for schema in state["tools"]}
        now = {schema["function"]["name"]: schema for schema in self.schemas}
        return [
            *(f"{name!r} is new, and the model does not know it" for name in now if name not in before),
            *(f"{name!r} is gone, and the model may still call it" for name in before if name not in now),
            *(
                f"{name!r} has changed, and the model still sees it as it was"
                for name in now
                if name in before and now[name] != before[name]
            ),
        ]

    @classmethod
    def from_state(cls, state: Mapping[str, Any], tools: Sequence[ToolLike] | None = None) -> Toolbox:
        """The toolbox that `to_state` described, with live tools where they are given."""
        live = state["tools"] if tools is None else tools
        return cls(live, state["code_interpreter"], state["builtin_tools"])


def argument_problem(tool: ToolLike, args: Mapping[str, Any]) -> str | None:
    """What is wrong with a call's arguments, in the parser's words; None if they fit.

    Args:
        tool: The tool that is called: a typed function, LangChain tool, pydantic model or function schema.
        args: The arguments by name.
    """
    checked = _tool(tool).check(args)
    return checked.message if isinstance(checked, ArgumentError) else None


def _tool(tool: ToolLike | Tool) -> Tool:
    if isinstance(tool, Tool):
        return tool
    # LangChain's tools take half a second to import, and a chat without custom tools needs none of them.
    from langchain_core.utils.function_calling import convert_to_openai_tool

    check_signature(tool)
    schema = convert_to_openai_tool(tool)
    name, parameters = schema["function"]["name"], schema["function"].get("parameters", {})
    return Tool(name, schema, tool_model(tool, name, parameters), schema_problems(tool, name, parameters))


def _builtin(name: str) -> Tool:
    argument = "code" if name == CODE_INTERPRETER else "query"
    parameters = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    schema = {"type": "function", "function": {"name": name, "parameters": parameters}}
    return Tool(name, schema, model_from_schema(name, parameters))
