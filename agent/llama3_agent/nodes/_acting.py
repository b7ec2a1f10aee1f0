"""The nodes that deal with the calls of a message."""

# No "from __future__ import annotations" here: LangGraph looks at the real types of a node's parameters.
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import StreamWriter, interrupt

from .. import events
from .._approval import decided
from .._calls import gate_failure, noted, undecided, unknown, unscanned
from .._code import verdict_state
from .._judge import spent, stopped
from .._sessions import Session
from .._state import Call, Job, Result, State
from .._steps import answer_calls, run_code, was_interrupted
from .._tracing import tool_ended, tool_span
from ..guards._watch import stopped_calls, unseen
from ._kit import Kit


class Acting:
    """``scan``, ``approve``, ``execute`` and ``observe``.

    Args:
        kit: What they work with.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def scan(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Have the gate look at code, and the guards at calls, before any of them is carried out."""
        session, calls = self._kit.session(config), unseen(state, self._kit.watch)
        looks = self._kit.watch.calls(calls, self._kit.messages(state, config) if calls else [])
        verdicts = dict(state["verdicts"])
        for call in unscanned(state, self._kit.is_code):
            code = str(call["args"].get("code", ""))
            verdict = self._kit.code.scan(code, session=session.names)
            writer(events.CodeScan(call["id"], code, verdict))
            verdicts[call["id"]] = verdict_state(verdict)
            session.harvest.verdicts[call["id"]] = verdict
        found = self._kit.watch.end(looks, writer, session.stop)
        return State(verdicts=verdicts, run=session.run) | stopped_calls(found, calls, state, writer)

    def approve(self, state: State, config: RunnableConfig) -> State:
        """Wait for someone to say yes or no; see `Agent.resume`."""
        calls = undecided(state, self._kit.approval.waits)
        verdicts = {call["id"]: state["verdicts"].get(call["id"]) for call in calls}
        answer = interrupt({"calls": calls, "verdicts": verdicts})
        return decided(answer, calls, state) | State(run=self._kit.session(config).run)

    def execute(self, job: Job, config: RunnableConfig, runtime: Runtime[None]) -> State:
        """Carry out what may be carried out, in order."""
        session, outcomes, plots = self._kit.session(config), {}, job["plots"]
        # Begun before by a run that is no more: twice is worse than not at all, if the tool does not say
        # otherwise.
        again = job["run"] != session.run and not was_interrupted(self._kit.memory, config, runtime)
        for call in job["calls"]:
            with session.slots:
                if session.stop.is_set():
                    break
                with tool_span(call["name"], call["id"]) as span:
                    event, figures = self._carry_out(call, job, session, plots, again=again)
                    tool_ended(span, ok=event.ok)
            plots += figures
            outcomes[call["id"]] = Result(content=event.content, ok=event.ok)
            if self._kit.watch.stands_at("tool"):
                session.pending[call["id"]] = event
            else:
                runtime.stream_writer(event)
        return State(outcomes=outcomes) | (State(plots=plots) if job["verdicts"] else State())

    def observe(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Tell the model what became of each call, and see whether the turn may go on."""
        session = self._kit.session(config)
        change = State(calls=[])
        if not state["finish_reason"]:
            if session.stop.is_set():
                change |= stopped(self._kit.limits, out_of_time=session.out_of_time)
            elif reason := gate_failure(state):
                change |= State(finish_reason="blocked", error=reason)
            else:
                change |= spent(state, self._kit.limits)
        with self._kit.conversation(state, config) as conversation:
            answer_calls(conversation, {**state, "error": change.get("error") or state["error"]}, writer)
            return {**change, "log": conversation.write()}

    def _carry_out(
        self, call: Call, job: Job, session: Session, plots: int, *, again: bool
    ) -> tuple[events.ToolResult, int]:
        """The result of a call, and how many figures it left behind."""
        code = call["id"] in job["verdicts"]
        if again and (code or not self._kit.tools.repeatable(call["name"])):
            return events.ToolResult(call["id"], call["name"], unknown(call)["content"], ok=False), 0
        if code:
            timeout, limit = self._kit.code_timeout, self._kit.output_limit
            return run_code(call, job, session, self._kit.code, plots=plots, timeout=timeout, limit=limit)
        outcome = self._kit.tools.call(call["name"], call["args"], session.stop)
        return events.ToolResult(call["id"], call["name"], noted(call, outcome.content), outcome.ok), 0
