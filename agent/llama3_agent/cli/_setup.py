"""From command line options to an agent, and Ctrl-C to a stopped answer."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._agent import Agent
    from .._guards import Guards
    from .._tools import Tool
    from ..engine import Engine


def quiet_libraries() -> None:
    """Keep the advice of libraries off the terminal: model files are read to be run, not reported on."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def load_engine(model: str) -> Engine:
    """Load the model, with a bar on a terminal."""
    quiet_libraries()
    from .._llama import Llama

    return Llama(model)


@contextmanager
def open_agent(
    model: str, *, max_steps: int, guards: Guards, ask: bool = False, store: str | None = None
) -> Iterator[Agent]:
    """The agent behind the commands: a local sandbox, and web search when there is a key for it.

    Args:
        model: What `Llama` takes.
        max_steps: Times that the model may write for a question.
        guards: Who looks at what goes in and out.
        ask: Whether every call waits for a decision.
        store: What keeps the threads, see `threads_in`; None to keep none.
    """
    from .._agent import Agent
    from ._store import threads_in

    with ExitStack() as stack:
        saver = stack.enter_context(threads_in(store)) if store else None
        agent = Agent(
            load_engine(model),
            _web_tools(),
            max_steps=max_steps,
            guards=guards,
            approve="ask" if ask else None,
            checkpointer=saver,
        )
        yield stack.enter_context(agent)


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
