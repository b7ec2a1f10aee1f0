"""What became of a look: the guard's finding, and what the policy makes of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .._run import Usage
from ._policy import Action
from ._types import Place


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """A guard has looked at something.

    Attributes:
        guard: The guard's name.
        place: ``input``, ``call``, ``tool`` or ``output``.
        action: ``pass``, ``warn``, ``ask`` or ``block``.
        label: The guard's own word; ``error`` when it gave no answer, which blocks.
        score: Between 0 and 1; None if it gives none.
        threshold: The score from which it is flagged.
        categories: Codes of what is wrong.
        span: Where in the text, in characters, if known.
        detail: One sentence for people.
        seconds: How long it took.
        call_id: The call that it is about, at ``call`` and ``tool``.
        usage: Tokens and time, for guards that are language models.
    """

    guard: str
    place: Place
    action: Action
    label: str
    score: float | None = None
    threshold: float | None = None
    categories: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    detail: str = ""
    seconds: float = 0.0
    call_id: str | None = None
    usage: Usage | None = None

    @property
    def reason(self) -> str:
        """What was found, in a few words for people."""
        if self.label == "refused":
            return self.detail  # a function says it in its own words
        return self.brief + (f" ({self.detail})" if self.detail else "")

    @property
    def brief(self) -> str:
        """The guard, its label and its score, and nothing that could come from what was judged."""
        score = "" if self.score is None else f" {self.score:.2f}"
        return f"{self.guard}: {self.label}{score}"

    def to_state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> GuardVerdict:
        """What `to_state` gave; a checkpoint may have made lists of tuples."""
        span, usage = state["span"], state["usage"]
        return cls(
            **{
                **state,
                "categories": tuple(state["categories"]),
                "span": None if span is None else (span[0], span[1]),
                "usage": None if usage is None else Usage(**usage),
            }
        )
