# ruff: noqa: N818 - an error says what happened
"""Calling a tool so that neither its time nor its colour matters: sync or async, it ends when it has to."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.errors import GraphBubbleUp

from ._options import ToolOptions

_GLANCE = 0.05
"""Seconds between looks at the stop signal."""


class OutOfTime(Exception):
    """The tool took longer than it may."""


class Stopped(Exception):
    """The run was stopped while the tool was at work."""


def invoke(
    tool: BaseTool, args: Mapping[str, Any], options: ToolOptions, stop: threading.Event | None = None
) -> Any:
    """Call a tool, again where it says that this does no harm, and return what it returns.

    A sync tool that runs out of time cannot be ended: it is left alone in its thread, and its result is
    dropped.

    Raises:
        OutOfTime: It took longer than its options say.
        Stopped: ``stop`` was set while it was at work.
        Exception: Whatever it raised the last time.
    """
    for attempt in range(options.retries + 1):
        try:
            return _once(tool, args, options.timeout, stop)
        except (Stopped, GraphBubbleUp, ToolException):
            raise  # the last is what a tool means to say
        except Exception:
            pause = options.pause * 2.0**attempt
            if attempt == options.retries or (stop.wait(pause) if stop else _slept(pause)):
                raise
    raise AssertionError("the last attempt returns or raises")


def _once(
    tool: BaseTool, args: Mapping[str, Any], timeout: float | None, stop: threading.Event | None
) -> Any:
    work = _Work(tool, dict(args))
    end = None if timeout is None else time.monotonic() + timeout
    try:
        while True:
            left = _GLANCE if end is None else min(_GLANCE, end - time.monotonic())
            if work.done.wait(max(left, 0)):
                return work.result()
            if stop is not None and stop.is_set():
                raise Stopped
            if end is not None and time.monotonic() >= end:
                raise OutOfTime(f"it did not finish within {timeout:g} s")
    finally:
        work.abandon()


class _Work:
    """A call in a thread of its own, which does not keep the program from ending."""

    def __init__(self, tool: BaseTool, args: dict[str, Any]) -> None:
        self.done = threading.Event()
        self._future: Future[Any] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        context = contextvars.copy_context()  # LangGraph's interrupt() and tracing look there
        threading.Thread(target=context.run, args=(self._run, tool, args), daemon=True).start()

    def result(self) -> Any:
        return self._future.result()

    def abandon(self) -> None:
        """End a coroutine; a plain function goes on, and nobody listens."""
        loop, task = self._loop, self._task
        if not self.done.is_set() and loop is not None and task is not None:
            with suppress(RuntimeError):  # the loop has just ended by itself
                loop.call_soon_threadsafe(task.cancel)

    def _run(self, tool: BaseTool, args: dict[str, Any]) -> None:
        try:
            self._future.set_result(self._call(tool, args))
        except BaseException as error:  # noqa: BLE001 - handed on by result()
            self._future.set_exception(error)
        finally:
            self.done.set()

    def _call(self, tool: BaseTool, args: dict[str, Any]) -> Any:
        # Only in answer to a call with an id do tools with an artifact (MCP's) say whether they failed.
        call = {"type": "tool_call", "id": tool.name, "name": tool.name, "args": args}
        value = self._value(tool, args if tool.response_format == "content" else call)
        if not isinstance(value, ToolMessage):
            return value
        if value.status == "error":
            raise ToolException(str(value.text))
        return value.content

    def _value(self, tool: BaseTool, given: dict[str, Any]) -> Any:
        if isinstance(tool, StructuredTool) and tool.func is None:
            return asyncio.run(self._await(tool.ainvoke(given)))
        try:
            return tool.invoke(given)
        except NotImplementedError:
            if type(tool)._arun is BaseTool._arun:
                raise
            # A class with only an async side still has to define _run.
            return asyncio.run(self._await(tool.ainvoke(given)))

    async def _await(self, work: Coroutine[Any, Any, Any]) -> Any:
        self._task = asyncio.ensure_future(work)
        self._loop = asyncio.get_running_loop()
        return await self._task


def _slept(seconds: float) -> bool:
    time.sleep(seconds)
    return False
