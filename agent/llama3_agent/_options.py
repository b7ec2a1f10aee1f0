"""What a tool says about itself: how long it may take, and whether it may be called twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.tools import BaseTool

from .errors import ToolDefinitionError

T = TypeVar("T")
_KEY = "llama3_options"
_HINTS = ("readOnlyHint", "idempotentHint")
"""How MCP servers say that a call may be repeated; langchain-mcp-adapters puts them into ``metadata``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOptions:
    """How a tool is to be called.

    Attributes:
        timeout: Seconds; None for the agent's ``tool_timeout``.
        repeatable: Whether a second call does no harm: it only reads, or it leaves things as the first one
            did. Only then is it called again where its outcome is not known.
        retries: How often a repeatable tool is called again when it raises or takes too long.
        pause: Seconds before the first of these, doubled before each later one.
    """

    timeout: float | None = None
    repeatable: bool = False
    retries: int = 0
    pause: float = 0.5


def tool_options(
    *, timeout: float | None = None, repeatable: bool = False, retries: int = 0, pause: float = 0.5
) -> Callable[[T], T]:
    """Say how a tool is to be called; a decorator for functions, and a function over LangChain tools.

    The tool stays what it is. The arguments are those of `ToolOptions`.

    Raises:
        ToolDefinitionError: Retries of a tool that is not repeatable, or a time or number below zero.
    """
    if retries and not repeatable:
        raise ToolDefinitionError(
            "retries are for tools that may be called twice; say repeatable=True as well"
        )
    if (timeout is not None and timeout <= 0) or retries < 0 or pause < 0:
        raise ToolDefinitionError("timeout must be above 0, and retries and pause at least 0")
    options = ToolOptions(timeout=timeout, repeatable=repeatable, retries=retries, pause=pause)

    def mark(tool: T) -> T:
        if isinstance(tool, BaseTool):
            tool.metadata = {**(tool.metadata or {}), _KEY: options}
        else:
            setattr(tool, _KEY, options)
        return tool

    return mark


def options_of(tool: Any) -> ToolOptions:
    """What a tool says about itself, with `tool_options` or with MCP's annotations."""
    metadata = (tool.metadata or {}) if isinstance(tool, BaseTool) else {}
    said = metadata.get(_KEY) or getattr(tool, _KEY, None)
    if isinstance(said, ToolOptions):
        return said
    return ToolOptions(repeatable=any(metadata.get(hint) is True for hint in _HINTS))
