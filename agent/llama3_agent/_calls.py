"""What may become of the calls of a message: functions of the state alone."""

from __future__ import annotations

from collections.abc import Mapping

from . import _format
from ._code import verdict_from
from ._state import Call, State
from ._tools import CODE_INTERPRETER

GATE_UNAVAILABLE = "gate.unavailable"


def readable(state: State) -> list[Call]:
    """The calls that can be carried out as far as their form goes; none when the turn is over."""
    return (
        [] if state.get("finish_reason") else [call for call in state.get("calls", []) if not call["error"]]
    )


def allowed(state: State) -> list[Call]:
    """The readable calls that the gate has nothing against."""
    return [call for call in readable(state) if not _blocked(call, state)]


def refusals(answer: object, calls: list[Call]) -> dict[str, str]:
    """What a decision means: call id to the reason for refusing it.

    Args:
        answer: True for all calls, False or a reason for none, or a mapping from call id to one of these.
            Calls that a mapping leaves out are refused.
        calls: The calls that wait.
    """
    answers = answer if isinstance(answer, Mapping) else {call["id"]: answer for call in calls}
    said = {call["id"]: answers.get(call["id"], False) for call in calls}
    return {name: one if isinstance(one, str) else "" for name, one in said.items() if one is not True}


def why_not(call: Call, state: State) -> str:
    """What the model reads about a call that was not carried out."""
    if call["error"]:
        return _format.error(call["error"])
    if _blocked(call, state):
        return _format.gate_refusal(verdict_from(state["verdicts"][call["id"]]))
    reason = f"not run: {state.get('error') or 'the turn ended'}"
    if call["id"] in state.get("refused", {}):
        said = state["refused"][call["id"]]
        reason = "the user refused this call" + (f": {said}" if said else "; ask what to do instead")
    return _format.failed(reason) if call["name"] == CODE_INTERPRETER else _format.error(reason)


def gate_failure(state: State) -> str | None:
    """Why code cannot be checked here at all, if so: then rewriting it is of no use."""
    for verdict in state.get("verdicts", {}).values():
        for finding in verdict["findings"]:
            if finding["rule"] == GATE_UNAVAILABLE:
                said = f"{finding['message']} {finding['advice']}"
                return f"the code gate cannot answer, so nothing was run: {said}"
    return None


def _blocked(call: Call, state: State) -> bool:
    verdict = state.get("verdicts", {}).get(call["id"])
    return verdict is not None and verdict["decision"] not in ("allow", "warn")
