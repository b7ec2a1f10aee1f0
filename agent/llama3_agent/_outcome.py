"""What a run has come to, read from where the graph ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._code import verdict_from
from ._conversation import Conversation, Log
from ._run import Run, RunFiles, RunGuards, Usage
from ._sessions import Session
from ._state import Call
from ._structured import parsed
from .events import ContextCompacted, GuardVerdict, ToolCall

Ending = Mapping[str, Any]
"""The values of a state, with LangGraph's own ``__interrupt__`` where a call waits for a decision."""
INTERRUPT = "__interrupt__"


def outcome(
    session: Session,
    ending: Ending,
    read: Callable[[Log], Conversation],
    active_guards: tuple[str, ...],
) -> Run:
    """The run of a session that ended there, or waits there; ``read`` is for a log that is not alive."""
    reason, error, waiting = ending["finish_reason"], ending["error"], waiting_calls(ending)
    asking = _asking(ending)
    if ending[INTERRUPT]:
        what = "a guard wants a person to decide" if asking else "calls wait for approval"
        reason, error = "interrupted", f"{what}: agent.resume(True or False, thread=run.thread)"
    elif reason is None:
        reason, error = "interrupted", "the run was cut off: go on with agent.resume(thread=run.thread)"
    value = None
    if reason == "answered" and ending["structured"] is not None:
        try:
            value = parsed(ending["structured"], session.output_type)
        except ValueError as objection:
            reason, error = "error", f"the answer is not what was asked for: {objection}"
    conversation = session.conversation
    if conversation is None or conversation.head != ending["log"][-1]["head"]:
        conversation = read(ending["log"])
    harvest = session.harvest
    return Run(
        output=ending["output"] or "",
        finish_reason=reason,
        error=error,
        messages=tuple(conversation.messages),
        results=tuple(harvest.results),
        files=RunFiles(harvest.files, harvest.left_out),
        usage=Usage(**ending["usage"]),
        steps=ending["steps"],
        thread=session.thread,
        parsed=value,
        ids=conversation.transcript.ids,
        ends=conversation.ends,
        waiting=tuple(ToolCall(call["id"], call["name"], call["args"]) for call in waiting),
        verdicts=harvest.verdicts
        | {name: verdict_from(one) for name, one in ending.get("verdicts", {}).items()},
        guards=RunGuards(
            tuple(map(GuardVerdict.from_state, ending.get("checks", []))), active_guards, asking
        ),
        compactions=tuple(ContextCompacted(**one) for one in ending.get("compactions", [])),
    )


def waiting_calls(ending: Ending) -> list[Call]:
    """The calls that wait for a decision of ours; an `interrupt` inside a tool is not."""
    values = [interrupt.value for interrupt in ending[INTERRUPT]]
    return [call for one in values if isinstance(one, dict) and "verdicts" in one for call in one["calls"]]


def _asking(ending: Ending) -> tuple[GuardVerdict, ...]:
    """What guards say of that which waits for a person, calls apart."""
    values = [interrupt.value for interrupt in ending[INTERRUPT]]
    found = [one for value in values if isinstance(value, dict) for one in value.get("guards", ())]
    return tuple(map(GuardVerdict.from_state, found))
