"""What a checkpoint holds: plain values only, the conversation as token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, TypedDict

from langgraph.channels import DeltaChannel

from ._conversation import Log, extended
from ._run import FinishReason
from .guards._types import Place


class Call(TypedDict):
    """A call that the model wrote.

    Attributes:
        error: Why it could not be read, if it could not.
        edited: Whether someone has changed its arguments since.
        asked: Whether a guard wants a person to decide on it.
    """

    id: str
    name: str
    args: dict[str, Any]
    error: str | None
    edited: NotRequired[bool]
    asked: NotRequired[bool]


class Result(TypedDict):
    """What the model will read about a call."""

    content: str
    ok: bool


class Held(TypedDict):
    """What waits, since the guards of a place want a person to decide.

    Attributes:
        place: Where it was stopped.
        verdicts: What they say.
        shown: Characters of an answer that have been let out.
    """

    place: Place
    verdicts: list[dict[str, Any]]
    shown: int


class Job(TypedDict):
    """Calls that are carried out one after the other, beside other jobs.

    Attributes:
        calls: All the code of a message, or one call of anything else.
        verdicts: What the gate says of the code.
        plots: Figures numbered so far in the thread.
        run: See `State`.
    """

    calls: list[Call]
    verdicts: dict[str, dict[str, Any]]
    plots: int
    run: str


def joined(before: dict[str, Result], more: dict[str, Result] | None) -> dict[str, Result]:
    """The reducer of outcomes: those of parallel jobs come together, None begins anew."""
    return {} if more is None else {**before, **more}


class State(TypedDict, total=False):
    """The state of a thread.

    The first four keys are given with each question: the text, the names of the files put into the sandbox
    and where they came from, and the schema of an answer asked for as JSON. ``log`` (see `Conversation`),
    ``plots`` (figures numbered so far) and ``paths`` last as long as the thread; everything below them
    belongs to the current turn. ``run`` names the living run that began the calls: a call that has no outcome
    and was begun by another run was under way when that one came to its end.
    """

    question: str
    attached: list[str]
    paths: list[str]
    schema: dict[str, Any] | None

    log: Annotated[Log, DeltaChannel(extended, snapshot_frequency=1_000)]
    plots: int

    mark: int
    run: str
    steps: int
    calls: list[Call]
    verdicts: dict[str, dict[str, Any]]
    decided: list[str]
    refused: dict[str, str]
    outcomes: Annotated[dict[str, Result], joined]
    last_calls: str
    repeats: int
    format_errors: int
    usage: dict[str, Any]
    checks: list[dict[str, Any]]
    compactions: list[dict[str, int]]
    guarded: list[str]
    held: Held | None
    output: str | None
    structured: str | None
    finish_reason: FinishReason | None
    error: str | None


def new_turn() -> State:
    """The keys of a turn, as it begins."""
    return State(
        steps=0,
        calls=[],
        last_calls="",
        repeats=0,
        format_errors=0,
        usage={},
        checks=[],
        compactions=[],
        held=None,
        output=None,
        structured=None,
        finish_reason=None,
        error=None,
        **new_message(),
    )


def new_message() -> State:
    """What is known of the calls of a message that the model has just written."""
    return State(verdicts={}, decided=[], refused={}, guarded=[], outcomes=None)  # type: ignore[typeddict-item]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a run ends without an answer.

    Attributes:
        steps: Times that the model may write.
        repeats: How often in a row it may make the very same calls; the last of them is not run.
        format_errors: Messages in a row with a call that cannot be read.
        tokens: Tokens that it may write; None for any number.
        seconds: How long it may take; None for as long as it likes.
        parallel: Calls of one message that are carried out at once.
    """

    steps: int = 10
    repeats: int = 3
    format_errors: int = 3
    tokens: int | None = None
    seconds: float | None = None
    parallel: int = 8
