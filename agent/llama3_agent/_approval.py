"""Who decides whether a call may run, and what a decision means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from ._state import Call, State
from .errors import ConfigurationError
from .events import ToolCall

Decision: TypeAlias = "bool | str | Mapping[str, Any]"
"""True lets a call run, False or a reason (which the model reads) refuses it, arguments change it first."""

Decide = Callable[[ToolCall], Decision]
"""Takes a call and decides."""

Mode = Literal["allow", "ask", "refuse"]
Policy = Mapping[str, Mode | Decide]
"""Tool names, or patterns such as ``"get_*"``, to what is to be done; the first one that fits counts."""

MODES: tuple[Mode, ...] = ("allow", "ask", "refuse")
NOT_ALLOWED = "this tool may not be used here; do without it"


@dataclass(frozen=True, slots=True)
class Approval:
    """Decides on calls by the name of their tool.

    Args:
        rules: Patterns and what is to be done. Calls that none of them fits run.
    """

    rules: tuple[tuple[str, Mode | Decide], ...] = ()

    @classmethod
    def of(cls, approve: Decide | Mode | Policy | None) -> Approval:
        """Read what the user gave.

        Raises:
            ConfigurationError: It is none of these.
        """
        rules = approve if isinstance(approve, Mapping) else {} if approve is None else {"*": approve}
        for pattern, rule in rules.items():
            if not callable(rule) and rule not in MODES:
                raise ConfigurationError(
                    f"approve={rule!r} for {pattern!r} is no decision; "
                    "use 'allow', 'ask', 'refuse' or a function"
                )
        return cls(tuple(rules.items()))

    def rule(self, name: str) -> Mode | Decide:
        """What is to be done about a call of this tool."""
        return next((rule for pattern, rule in self.rules if fnmatchcase(name, pattern)), "allow")

    def waits(self, call: Call) -> bool:
        """Whether somebody has to decide on this call."""
        rule = self.rule(call["name"])
        return rule == "ask" or callable(rule) or call.get("asked", False)

    def refused(self, calls: list[Call]) -> dict[str, str]:
        """The calls that are refused whatever they are, with the reason."""
        return {call["id"]: NOT_ALLOWED for call in calls if self.rule(call["name"]) == "refuse"}

    def answers(self, calls: list[Call]) -> dict[str, Decision] | None:
        """What the functions among the rules decide; None when a person has to be asked."""
        rules = [self.rule(call["name"]) for call in calls]
        if "ask" in rules or any(one.get("asked") and not callable(self.rule(one["name"])) for one in calls):
            return None
        return {
            call["id"]: rule(ToolCall(call["id"], call["name"], call["args"]))
            for call, rule in zip(calls, rules, strict=True)
            if callable(rule)
        }


def decided(answer: object, waiting: list[Call], state: State) -> State:
    """The change of state that a decision makes.

    Args:
        answer: A decision on all calls, or a mapping from call id to a decision; calls that it leaves out are
            refused.
        waiting: The calls that it is about.
        state: The state so far. Code that was changed loses its verdict: it has to be scanned again.
    """
    ids = {call["id"] for call in waiting}
    answers = answer if isinstance(answer, Mapping) else dict.fromkeys(ids, answer)
    said = {name: answers.get(name, False) for name in ids}
    edits = {name: dict(one) for name, one in said.items() if isinstance(one, Mapping)}
    calls = [
        Call(**{**call, "args": edits[call["id"]], "edited": True}) if call["id"] in edits else call
        for call in state["calls"]
    ]
    refused = {
        name: one if isinstance(one, str) else ""
        for name, one in said.items()
        if one is not True and name not in edits
    }
    return State(
        calls=calls,
        decided=[*state["decided"], *sorted(ids)],
        refused={**state["refused"], **refused},
        verdicts={name: verdict for name, verdict in state["verdicts"].items() if name not in edits},
    )
