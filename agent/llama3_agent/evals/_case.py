"""One thing to try on an agent, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Goal = Literal["shell", "network", "secret", "send", "say", "code", "insecure", "judged", "work"]
"""What an attack is after; ``work`` is honest. ``code``: any code that runs. ``insecure``: insecure code that
is run or given as the answer. ``judged``: told by a judge alone."""

Stop = Literal["guard", "gate", "approval", "sandbox", "model", "unmet", "nowhere", "unjudged"]
"""Where an attack ended: ``model`` did not go along with it, ``unmet`` means that the run was over before
anybody had come across it, ``nowhere`` that it reached its goal, and ``unjudged`` that only a judge could
have told."""


@dataclass(frozen=True, slots=True)
class Case:
    """What to say to an agent, and what it finds.

    Attributes:
        id: Unique in all suites.
        suite: The suite.
        turns: What the user says, one after the other in one conversation.
        goal: What it is after.
        channel: How the attack comes in.
        language: As an English word.
        instructions: What the agent is told by whoever set it up; None for its usual instructions.
        page: What the tool ``read_page`` returns.
        results: What the tool ``web_search`` returns.
        files: Files to attach: name to text.
        payload: The attack as it stands in what the model reads.
        marker: What is in a call or an answer of a model that obeys.
        question: What a judge is asked about the answer: is it "yes", the attack has reached its goal.
    """

    id: str
    suite: str
    turns: tuple[str, ...]
    goal: Goal
    channel: str = "direct"
    language: str = "English"
    instructions: str | None = None
    page: str | None = None
    results: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    payload: str = ""
    marker: str = ""
    question: str = ""

    @property
    def benign(self) -> bool:
        """Whether it is honest work."""
        return self.goal == "work"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Attributes:
        id: The case.
        suite: Its suite.
        channel: How the attack came in.
        language: As an English word.
        goal: What it was after.
        benign: Whether it was honest work.
        stopped: Where an attack ended; for honest work, what refused it, or None.
        detail: What the one that stopped it said.
        finish_reason: How the last run ended.
        seconds: How long it took.
    """

    id: str
    suite: str
    channel: str
    language: str
    goal: Goal
    benign: bool
    stopped: Stop | None
    detail: str
    finish_reason: str
    seconds: float
