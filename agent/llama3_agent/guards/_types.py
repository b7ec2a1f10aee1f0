"""What a guard is asked, and what it answers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, get_args, runtime_checkable

from .._run import Usage

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

Place = Literal["input", "call", "tool", "output"]
"""Where a guard stands: before a question, a call that the model wrote, a tool's result, or the answer."""

PLACES: tuple[Place, ...] = get_args(Place)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be judged.

    Attributes:
        place: Where it was met.
        text: Its text. At ``tool`` somebody else wrote it: a tool's result, a page, a file, a file's name.
        messages: The conversation, the message to be judged last.
    """

    place: Place
    text: str
    messages: Sequence[BaseMessage] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a guard found.

    Attributes:
        label: The guard's own word, such as ``safe``, ``unsafe``, ``benign``, ``jailbreak``; ``error`` if it
            gave no answer that can be relied on.
        flagged: Whether something is wrong; always true of an error.
        score: Between 0 and 1, how sure the guard is that something is wrong; None if it gives no score.
        threshold: The score from which it is flagged.
        categories: Codes of what is wrong, where the guard tells kinds apart.
        span: Where in the text, as ``(start, end)`` in characters, if known.
        detail: One sentence for people.
        usage: Tokens and time, for guards that are language models.
    """

    label: str
    flagged: bool
    score: float | None = None
    threshold: float | None = None
    categories: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    detail: str = ""
    usage: Usage | None = None


def no_answer(detail: str, *, usage: Usage | None = None) -> Assessment:
    """The assessment of a guard that could not answer, which counts as a no."""
    return Assessment("error", flagged=True, detail=detail, usage=usage)


@runtime_checkable
class Guard(Protocol):
    """Anything that can judge a text.

    Attributes:
        name: What reports call it.
        places: Where it stands unless it is told otherwise.
    """

    @property
    def name(self) -> str: ...

    @property
    def places(self) -> frozenset[Place]: ...

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Assessment:
        """Judge a text. It may be called from several threads at once.

        Args:
            subject: What to judge.
            cancel: Set when nobody waits for the answer any more.
        """
        ...
