"""What may become of the calls of a message: functions of the state alone."""

from __future__ import annotations

import json
from collections.abc import Callable

from . import _format
from ._code import verdict_from
from ._state import Call, Job, Result, State
from ._tools import CODE_INTERPRETER

GATE_UNAVAILABLE = "gate.unavailable"
UNKNOWN = (
    "this call was cut off while it was under way, so it is not known whether it took effect; "
    "find out before you repeat it"
)


def readable(state: State) -> list[Call]:
    """The calls that can be carried out as far as their form goes; none when the turn is over."""
    return (
        [] if state.get("finish_reason") else [call for call in state.get("calls", []) if not call["error"]]
    )


def allowed(state: State) -> list[Call]:
    """The readable calls that neither the gate nor anybody else has something against."""
    return [
        call for call in readable(state) if not _blocked(call, state) and call["id"] not in state["refused"]
    ]


def undecided(state: State, waits: Callable[[Call], bool]) -> list[Call]:
    """The allowed calls that somebody has to decide on first."""
    return [call for call in allowed(state) if waits(call) and call["id"] not in state["decided"]]


def unscanned(state: State, is_code: Callable[[Call], bool]) -> list[Call]:
    """The code that the gate has not seen."""
    return [call for call in readable(state) if is_code(call) and call["id"] not in state["verdicts"]]


def jobs(state: State, is_code: Callable[[Call], bool], *, parallel: bool) -> list[Job]:
    """What can be done at once: all code in its order, and each other call by itself; or all in order."""
    code = [call for call in allowed(state) if is_code(call)]
    others = [[call] for call in allowed(state) if not is_code(call)]
    groups = [code, *others] if parallel else [allowed(state)]
    return [
        Job(
            calls=calls,
            verdicts={call["id"]: state["verdicts"][call["id"]] for call in calls if is_code(call)},
            plots=state.get("plots", 0),
            run=state["run"],
        )
        for calls in groups
        if calls
    ]


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
    return not_done(call, reason)


def not_done(call: Call, reason: str) -> str:
    """What the model reads about a call that came to nothing."""
    return _format.failed(reason) if call["name"] == CODE_INTERPRETER else _format.error(reason)


def unknown(call: Call) -> Result:
    """What the model reads about a call that was under way when the program came to its end."""
    return Result(content=not_done(call, UNKNOWN), ok=False)


def noted(call: Call, content: str) -> str:
    """A result, with a word on what was run if that is not what the model wrote."""
    if not call.get("edited"):
        return content
    args = call["args"]
    new = str(args["code"]) if set(args) == {"code"} else json.dumps(args, ensure_ascii=False)
    return f"{content}\n[user]changed this call before it was run, to:\n{new}[/user]"


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
