"""The tools of an agent: what the model is told of them, and what becomes of a call."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.errors import GraphBubbleUp

from llama3_prompts import argument_problem

from . import _format
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
        tools: Typed functions, sync or async, and LangChain tools.
        code_interpreter: Whether the model may write code as well; only for the list in error messages.
        limit: Characters of a result that the model gets to read.

    Raises:
        ToolDefinitionError: something in ``tools`` cannot be described, or two of them share a name.
    """

    def __init__(
        self, tools: Iterable[Tool], *, code_interpreter: bool, limit: int = _format.OUTPUT_LIMIT
    ) -> None:
        self._limit = limit
        self._code_interpreter = code_interpreter
        self._tools: dict[str, BaseTool] = {}
        self.custom: list[Tool] = []
        for tool in tools:
            made = _as_tool(tool)
            self._add(made)
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

    def call(self, name: str, args: Mapping[str, Any]) -> Outcome:
        """Carry out a call. Whatever goes wrong becomes text that tells the model what to mend."""
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
            value = _invoke(tool, dict(args))
            return Outcome(_format.tool_result(value, limit=self._limit))
        except GraphBubbleUp:
            raise  # interrupt() inside a tool is LangGraph's business
        except ToolException as error:
            return Outcome(_format.error(str(error)), ok=False)
        except Exception as error:  # noqa: BLE001 - a tool may raise anything, and the model is to read it
            text = f"{name}() raised {type(error).__name__}" + (f": {error}" if str(error) else "")
            return Outcome(_format.tool_result(_format.error(text), limit=self._limit), ok=False)

    def _add(self, tool: BaseTool) -> None:
        if tool.name == CODE_INTERPRETER:
            raise ToolDefinitionError(f"the name {CODE_INTERPRETER!r} is taken; code runs through sandbox=")
        if tool.name in self._tools:
            raise ToolDefinitionError(f"two tools are named {tool.name!r}; rename one")
        self._tools[tool.name] = tool


def _as_tool(tool: Tool) -> BaseTool:
    if isinstance(tool, BaseTool):
        return tool
    name = getattr(tool, "__name__", "")
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


def _invoke(tool: BaseTool, args: dict[str, Any]) -> Any:
    if isinstance(tool, StructuredTool) and tool.func is None:
        return _wait_for(tool.ainvoke(args))
    return tool.invoke(args)


def _wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread of its own, so that a running event loop (a notebook's) is no obstacle."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()
