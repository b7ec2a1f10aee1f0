"""Tools that take code, put behind the gate: theirs is a door to an executor too."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from langchain_core.tools import StructuredTool

Function = TypeVar("Function", bound=Callable[..., Any])
Check = Callable[[object], None]
"""Raises where its argument may not run."""


def guarded_function(function: Function, argument: str, check: Check) -> Function:
    """`function`, which first has `check` look at what it is given as `argument`.

    Raises:
        ValueError: if it has no such argument, so that there would be nothing to look at.
    """
    signature = inspect.signature(function)
    if argument not in signature.parameters:
        raise ValueError(f"{function.__name__}() has no argument {argument!r} to scan")

    def look(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        check(bound.arguments[argument])

    return cast("Function", _wrapped(function, look))


def guarded_tool(tool: StructuredTool, argument: str, check: Check) -> StructuredTool:
    """The same for a LangChain tool, such as the adapters for MCP servers make.

    Raises:
        ValueError: if it has no such argument, or is not made of functions.
    """
    functions = {name: getattr(tool, name, None) for name in ("func", "coroutine")}
    if argument not in tool.args or not any(functions.values()):
        raise ValueError(f"the tool {tool.name!r} has no argument {argument!r} to scan")

    def look(_: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        # Whatever is not given under its name is not looked at, and so must not run.
        check(kwargs.get(argument))

    kept = {name: _wrapped(function, look) for name, function in functions.items() if function}
    return tool.model_copy(update=kept)


def _wrapped(function: Any, look: Callable[[tuple[Any, ...], dict[str, Any]], None]) -> Any:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **kwargs: Any) -> Any:
            await asyncio.to_thread(look, args, kwargs)
            return await function(*args, **kwargs)

        return later

    @functools.wraps(function)
    def now(*args: Any, **kwargs: Any) -> Any:
        look(args, kwargs)
        return function(*args, **kwargs)

    return now
