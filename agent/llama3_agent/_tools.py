"""The tools of an agent: what the model is told of them, and what becomes of a call."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.errors import GraphBubbleUp
from pydantic import BaseModel

from llama3_prompts import argument_problem

from . import _format
from ._invoke import OutOfTime, Stopped, invoke
from ._options import ToolOptions, options_of
from .errors import ToolDefinitionError

CODE_INTERPRETER = "code_interpreter"
BUILTIN_TOOLS = ("brave_search", "wolfram_alpha")
"""Tools that Llama 3 knows by training: named in the system message instead of described."""

Tool = BaseTool | Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model reads about a call, and whether the call did what it should."""

    content: str
    ok: bool = True


class ToolSet:
    """The tools by name.

    Args:
        tools: Typed functions, sync or async, LangChain tools, and pydantic models.
        code_interpreter: Whether the model may write code as well; only for the list in error messages.
        limit: Characters of a result that the model gets to read.
        timeout: Seconds for a call of a tool that does not say otherwise; None for as long as it takes.

    Raises:
        ToolDefinitionError: something in ``tools`` cannot be described, or two of them share a name.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        *,
        code_interpreter: bool,
        limit: int = _format.OUTPUT_LIMIT,
        timeout: float | None = None,
    ) -> None:
        self._limit = limit
        self._timeout = timeout
        self._options: dict[str, ToolOptions] = {}
        self._code_interpreter = code_interpreter
        self._tools: dict[str, BaseTool] = {}
        self.custom: list[Tool] = []
        for tool in tools:
            made = _as_tool(tool)
            self._add(made, options_of(tool))
            if made.name not in BUILTIN_TOOLS:
                self.custom.append(tool)

    @property
    def builtin(self) -> tuple[str, ...]:
        """Names for the ``Tools:`` line of the system message."""
        return tuple(name for name in BUILTIN_TOOLS if name in self._tools)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that can be called."""
        return (*self._tools, *([CODE_INTERPRETER] if self._code_interpreter else []))

    def repeatable(self, name: str) -> bool:
        """Whether calling a tool once more than necessary does no harm; unknown tools do none."""
        return name not in self._tools or self._options[name].repeatable

    def call(self, name: str, args: Mapping[str, Any], stop: threading.Event | None = None) -> Outcome:
        """Carry out a call. Whatever goes wrong becomes text that tells the model what to mend.

        Args:
            name: The tool.
            args: By name.
            stop: Ends the waiting for it when set.
        """
        tool = self._tools.get(name)
        if tool is None:
            known = (
                f"the tools are: {', '.join(self.names)}"
                if self.names
                else "there are no tools; answer in words"
            )
            return Outcome(_format.error(f"unknown tool {name!r}; {known}"), ok=False)
        if problem := argument_problem(tool, args):
            return Outcome(_format.error(problem), ok=False)
        try:
            value = invoke(tool, args, self._options[name], stop)
            return Outcome(_format.tool_result(_plain(value), limit=self._limit))
        except GraphBubbleUp:
            raise  # interrupt() inside a tool is LangGraph's business
        except ToolException as error:
            return Outcome(_format.error(str(error)), ok=False)
        except Stopped:
            return Outcome(
                _format.error(f"{name}() was left at work when the user stopped the answer"), ok=False
            )
        except OutOfTime as error:
            return Outcome(_format.error(f"{name}() was given up: {error}{self._afterwards(name)}"), ok=False)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a tool may raise anything; the model is to read it
            text = f"{name}() raised {type(error).__name__}" + (f": {error}" if str(error) else "")
            return Outcome(_format.tool_result(_format.error(text), limit=self._limit), ok=False)

    def _afterwards(self, name: str) -> str:
        return "" if self.repeatable(name) else "; it may still take effect, so find out before you repeat it"

    def _add(self, tool: BaseTool, options: ToolOptions) -> None:
        if tool.name == CODE_INTERPRETER:
            raise ToolDefinitionError(f"the name {CODE_INTERPRETER!r} is taken; code runs through sandbox=")
        if tool.name in self._tools:
            raise ToolDefinitionError(f"two tools are named {tool.name!r}; rename one")
        self._tools[tool.name] = tool
        self._options[tool.name] = options if options.timeout else replace(options, timeout=self._timeout)


def name_of(tool: Tool) -> str:
    """What the model calls a tool that a `ToolSet` has accepted."""
    return tool.name if isinstance(tool, BaseTool) else str(tool.__name__)


def _as_tool(tool: Tool) -> BaseTool:
    if isinstance(tool, BaseTool):
        return tool
    name = getattr(tool, "__name__", "")
    if inspect.isclass(tool) and issubclass(tool, BaseModel):
        return StructuredTool.from_function(
            _caller(tool), name=name, description=inspect.getdoc(tool) or name, args_schema=tool
        )
    if inspect.isclass(tool) or not callable(tool) or not name.isidentifier():
        raise ToolDefinitionError(f"{tool!r} is no tool; give a function made with def, or a LangChain tool")
    description = inspect.getdoc(tool)
    functions: dict[str, Any] = {"coroutine": tool} if inspect.iscoroutinefunction(tool) else {"func": tool}
    try:
        return StructuredTool.from_function(
            **functions, description=None if description else name, parse_docstring=bool(description)
        )
    except (TypeError, ValueError, NameError) as error:
        raise ToolDefinitionError(f"the tool {name}() cannot be described to the model: {error}") from error


def _caller(model: type[BaseModel]) -> Callable[..., Any]:
    """A pydantic model as a function: an instance is called if it can be, and else is the result itself."""

    def call(**fields: Any) -> Any:
        instance = model(**fields)
        return instance() if callable(instance) else instance

    return call


def _plain(value: Any) -> Any:
    """The text of a list of content blocks, which is what MCP tools return; everything else as it is."""
    if isinstance(value, list) and value and all(_is_text(block) for block in value):
        return "\n".join(block["text"] for block in value)
    return value


def _is_text(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)
