"""What follows from what a guard finds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ..errors import ConfigurationError
from ._types import PLACES, Assessment, Guard, Place

Action = Literal["pass", "warn", "ask", "block"]
"""Let it by; let it by and say so; ask a person; stop it."""

SEVERITY: Final[dict[Action, int]] = {"pass": 0, "warn": 1, "ask": 2, "block": 3}

Rule = Action | Mapping[float, Action]
"""One action, or several by the score from which they apply; below the lowest, a finding passes."""

TextGuard = Callable[[str], str | None]
"""Takes text; returns None to let it pass, or the reason for stopping it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do about a finding, by its kind and its score.

    A guard that cannot answer blocks, whatever the policy.

    Attributes:
        default: For every kind without a rule of its own.
        labels: Rules for single labels and categories (``"S6"``, ``"jailbreak"``). Of several that a finding
            has, the severest counts.

    Raises:
        ConfigurationError: there is no such action, or a score is no probability.
    """

    default: Rule = "block"
    labels: Mapping[str, Rule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in (self.default, *self.labels.values()):
            _check(rule)

    def decide(self, found: Assessment) -> Action:
        """What to do about a finding."""
        if not found.flagged:
            return "pass"
        if found.label == "error":
            return "block"
        general = self.labels.get(found.label, self.default)
        rules = [self.labels.get(code, general) for code in found.categories] or [general]
        return max((_action(rule, found.score) for rule in rules), key=SEVERITY.__getitem__)


@dataclass(frozen=True, slots=True)
class Post:
    """A guard, where it stands, and what follows from what it finds.

    Attributes:
        guard: A `Guard`, or a function of the text that returns None, or the reason for stopping it.
        at: One or more of ``input``, ``call``, ``tool``, ``output``; by default what the guard is made for,
            and for a function input and output.
        policy: What to do about a finding; a single action stands for `Policy` with nothing else.
        timeout: Seconds that it may take; by default those of `Guards`.

    Raises:
        ConfigurationError: there is no such place or action, or the time limit is none.
    """

    guard: Guard | TextGuard
    at: Place | Collection[Place] | None = None
    policy: Policy | Action = "block"
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.at is not None and not self.at:
            raise ConfigurationError("a guard that stands nowhere guards nothing; leave it out")
        for place in (self.at,) if isinstance(self.at, str) else self.at or ():
            if place not in PLACES:
                raise ConfigurationError(f"a guard stands at {', '.join(PLACES)}, not at {place!r}")
        if not isinstance(self.policy, Policy):
            _check(self.policy)
        if self.timeout is not None and not 0 < self.timeout < float("inf"):
            raise ConfigurationError(f"timeout must be above 0 and finite, not {self.timeout!r}")
        if not isinstance(self.guard, Guard) and not callable(self.guard):
            raise ConfigurationError(f"{self.guard!r} is no guard: it has neither look() nor can be called")


def _check(rule: Rule) -> None:
    for score, action in {0.0: rule}.items() if isinstance(rule, str) else rule.items():
        if action not in SEVERITY:
            raise ConfigurationError(f"an action is one of {', '.join(SEVERITY)}, not {action!r}")
        if not 0 <= score <= 1:
            raise ConfigurationError(f"a score is between 0 and 1, not {score!r}")


def _action(rule: Rule, score: float | None) -> Action:
    if isinstance(rule, str):
        return rule
    if score is None:
        return max(rule.values(), key=SEVERITY.__getitem__, default="pass")
    reached = [start for start in rule if start <= score]
    return rule[max(reached)] if reached else "pass"
