"""From command line options to an agent, and Ctrl-C to a stopped answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._agent import Agent
    from .._tools import Tool
    from ..engine import Engine


def load_engine(model: str) -> Engine:
    """Load the model, with a bar on a terminal."""
    # Model files are read to be run, not to be reported on: keep the library's advice off the terminal.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from .._llama import Llama

    return Llama(model)


def make_agent(model: str, *, max_steps: int) -> Agent:
    """The agent behind the commands: a local sandbox, and web search when there is a key for it."""
    from .._agent import Agent

    return Agent(load_engine(model), tools=_web_tools(), max_steps=max_steps)


@contextmanager
def stop_on_ctrl_c(agent: Agent) -> Iterator[None]:
    """Let the first Ctrl-C stop the answer in good order; a second one does what it always does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        os.write(2, b"\nstopping ...\n")  # not print: the main thread may be inside one
        agent.cancel()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _web_tools() -> list[Tool]:
    from llama3_tools import brave_search, wolfram_alpha

    keys: list[tuple[str, Tool]] = [("BRAVE_API_KEY", brave_search), ("WOLFRAM_ALPHA_APP_ID", wolfram_alpha)]
    return [tool for key, tool in keys if os.environ.get(key, "").strip()]
