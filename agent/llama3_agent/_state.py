"""What a checkpoint holds: plain values only, the conversation as token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from ._run import FinishReason


class Call(TypedDict):
    """A call that the model wrote; ``error`` says why it could not be read, if it could not."""

    id: str
    name: str
    args: dict[str, Any]
    error: str | None


class Result(TypedDict):
    """What the model will read about a call."""

    content: str
    ok: bool


class State(TypedDict, total=False):
    """The state of a thread.

    The first three keys are given with each question; ``schema`` is that of an answer asked for as JSON.
    ``transcript`` (see `Transcript.to_state`) and ``plots`` (figures numbered so far) last as long as the
    thread; everything below them belongs to the current turn.
    """

    question: str
    attached: list[str]
    schema: dict[str, Any] | None

    transcript: dict[str, Any]
    plots: int

    mark: int
    steps: int
    calls: list[Call]
    verdicts: dict[str, dict[str, Any]]
    refused: dict[str, str]
    outcomes: dict[str, Result]
    last_calls: str
    repeats: int
    format_errors: int
    usage: dict[str, Any]
    output: str | None
    structured: str | None
    finish_reason: FinishReason | None
    error: str | None


def new_turn() -> State:
    """The keys of a turn, as it begins."""
    return State(
        steps=0,
        calls=[],
        verdicts={},
        refused={},
        outcomes={},
        last_calls="",
        repeats=0,
        format_errors=0,
        usage={},
        output=None,
        structured=None,
        finish_reason=None,
        error=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a run ends without an answer.

    Attributes:
        steps: Times that the model may write.
        repeats: How often in a row it may make the very same calls; the last of them is not run.
        format_errors: Messages in a row with a call that cannot be read.
    """

    steps: int = 10
    repeats: int = 3
    format_errors: int = 3
