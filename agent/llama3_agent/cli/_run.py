"""``llama3-agent run``: one question, one answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .._inputs import MOST_MB, checked_files, checked_question
from .._run import Run
from .._text import printable
from ..events import Final
from ._ask import answer_for, waits
from ._exits import EXIT_CODES, complain
from ._guards import GuardOptions, tell_active
from ._setup import open_agent, stop_on_ctrl_c
from ._show import Screen

if TYPE_CHECKING:
    from .._agent import Agent
    from .._stream import EventStream

MOST_BYTES = MOST_MB * 1_000_000


def answer(
    question: str,
    *,
    files: Sequence[Path],
    model: str,
    out: Path,
    max_steps: int,
    ask: bool,
    guards: GuardOptions,
    as_json: bool,
) -> int:
    """Answer, save what came of it, and return the exit code."""
    # Looked at before the model is loaded: a typing error should not cost seconds.
    checked_question(question)
    checked_files(files, most_bytes=MOST_BYTES)
    screen = Screen(sys.stderr)
    saved: list[Path] = []
    with open_agent(model, max_steps=max_steps, guards=guards.load(), ask=ask) as agent:
        tell_active(agent.active_guards)
        run = watch(agent, screen, agent.stream(question, files))
        while waits(run):
            saved += save(run, out)[0]
            run = watch(agent, screen, agent.resume_stream(answer_for(run, screen), thread=run.thread))
    rest, trouble = save(run, out)
    saved += rest
    screen.finish(run, saved)
    print(
        json.dumps(_as_json(run, saved), ensure_ascii=False) if as_json else printable(run.output), flush=True
    )
    if trouble:
        complain(trouble)
        return EXIT_CODES["error"]
    return EXIT_CODES[run.finish_reason]


def watch(agent: Agent, screen: Screen, events: EventStream) -> Run:
    """Show the events of a run, to be stopped by Ctrl-C, and return what it comes to."""
    with stop_on_ctrl_c(agent), events:
        for event in events:
            screen.show(event)
            if isinstance(event, Final):
                return event.run
    raise AssertionError("a stream ends with Final")


def save(run: Run, out: Path) -> tuple[list[Path], str | None]:
    """Save what a run produced; return the paths, and what went wrong, if anything did."""
    try:
        return run.files.save(out) if run.files else [], None
    except OSError as error:
        names = ", ".join(run.files)
        return [], f"cannot save {names} in {str(out)!r}: {error}; choose another folder with --out"


def _as_json(run: Run, saved: Sequence[Path]) -> dict[str, object]:
    return {
        "output": run.output,
        "finish_reason": run.finish_reason,
        "error": run.error,
        "files": [str(path) for path in saved],
        "steps": run.steps,
        "usage": asdict(run.usage),
        "guards": {
            "active": list(run.guards.active),
            "verdicts": [verdict.to_state() for verdict in run.guards],
        },
    }
