"""The nodes in which guards and people decide what may pass."""

# No "from __future__ import annotations" here: LangGraph looks at the real types of a node's parameters.
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import StreamWriter, interrupt

from .. import events
from .._calls import allowed
from .._judge import stopped
from .._state import Held, State, new_turn
from .._steps import settle
from ..guards._watch import Findings, tell_results, unjudged, unread, withheld
from ._kit import Kit


class Guarding:
    """``guard_input``, ``guard_results``, ``guard_output`` and ``confirm``.

    Args:
        kit: What they work with.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def guard_input(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the question in, unless a guard objects; then the conversation never sees it."""
        session = self._kit.session(config)
        with self._kit.conversation(state, config) as conversation:
            if unjudged(state, self._kit.watch):
                conversation.rewind(state["mark"])
            else:
                settle(
                    conversation, unread(state, self._kit.watch), self._kit.approval.waits, self._kit.is_code
                )
            change = State(**{**new_turn(), "mark": conversation.transcript.position})
            text, names = state["question"], state.get("attached", [])
            found = self._kit.watch.question(text, names, conversation.said, writer, session.stop)
            change["checks"] = found.to_state()
            if session.stop.is_set():
                change |= stopped(self._kit.limits, out_of_time=session.out_of_time)
            elif found.action == "block":
                change |= self._kit.blocked("question", found.reason)
            elif found.action == "ask":
                change["held"] = Held(place="input", verdicts=found.to_state(), shown=0)
            else:
                self._kit.ask(conversation, state)
            return {**change, "log": conversation.write()}

    def guard_results(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the model have what came of the calls, or a notice instead of what a guard objects to."""
        session = self._kit.session(config)
        calls = [call for call in allowed(state) if call["id"] in state["outcomes"]]
        messages = self._kit.messages(state, config)
        found = self._kit.watch.results(calls, state["outcomes"], messages, writer, session.stop)
        said = {call["id"]: found.of(call["id"]) for call in calls}
        outcomes = {
            call["id"]: withheld(call, said[call["id"]].brief)
            for call in calls
            if said[call["id"]].action == "block"
        }
        asking = [one for each in said.values() if each.action == "ask" for one in each.to_state()]
        told = [call for call in calls if said[call["id"]].action != "ask"]
        tell_results(told, {**state["outcomes"], **outcomes}, session.pending, writer)
        held = Held(place="tool", verdicts=asking, shown=0) if asking else None
        return State(checks=[*state["checks"], *found.to_state()], outcomes=outcomes, held=held)

    def guard_output(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the answer out, unless a guard objects; then it is taken out of the conversation too."""
        text, session, shown, change = state["output"] or "", self._kit.session(config), 0, State()
        if self._kit.watch.in_pieces and not state["finish_reason"]:  # judged while it was written
            held = state["held"]
            found, shown = (
                (Findings.read(held["verdicts"]), held["shown"]) if held else (Findings(), len(text))
            )
        else:
            found = self._judged(text, state, config, writer)
            change["checks"] = [*state["checks"], *found.to_state()]
            shown = 0 if self._kit.watch.holds_text else len(text)
        if session.stop.is_set() and found.action == "block":
            return change | State(
                output="", held=None, **stopped(self._kit.limits, out_of_time=session.out_of_time)
            )
        if found.action == "block":
            return change | self._taken_back(state, config, found.reason)
        if found.action == "ask":
            return change | State(held=Held(place="output", verdicts=found.to_state(), shown=shown))
        return change | self._let_out(state, shown, writer)

    def confirm(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Wait for a person to say yes or no to what a guard objects to; see `Agent.resume`."""
        held = state["held"]
        assert held is not None
        answer = interrupt({"guards": held["verdicts"], "place": held["place"]})
        found = Findings.read(held["verdicts"])
        said = found.brief if held["place"] == "tool" else found.reason
        reason = said + (f"; {answer}" if isinstance(answer, str) and answer else "")
        if held["place"] == "input":
            change = (
                self._admitted(state, config) if answer is True else self._kit.blocked("question", reason)
            )
        elif held["place"] == "tool":
            change = self._handed_over(state, config, "" if answer is True else reason, writer)
        elif answer is True:
            change = self._let_out(state, held["shown"], writer)
        else:
            change = self._taken_back(state, config, reason)
        return change | State(held=None, run=self._kit.session(config).run)

    def _judged(self, text: str, state: State, config: RunnableConfig, writer: StreamWriter) -> Findings:
        """What the guards say of the text of the last message that the model wrote."""
        if not self._kit.watch.stands_at("output"):
            return Findings()
        messages = self._kit.messages(state, config)
        while messages and not isinstance(messages[-1], AIMessage):
            messages.pop()
        return self._kit.watch.answer(text, messages[:-1], writer, self._kit.session(config).stop)

    def _admitted(self, state: State, config: RunnableConfig) -> State:
        with self._kit.conversation(state, config) as conversation:
            self._kit.ask(conversation, state)
            return State(log=conversation.write())

    def _handed_over(self, state: State, config: RunnableConfig, reason: str, writer: StreamWriter) -> State:
        """The results that a person was asked about, or notices instead of them."""
        assert state["held"] is not None
        asked = {one["call_id"] for one in state["held"]["verdicts"]}
        calls = [call for call in state["calls"] if call["id"] in asked]
        outcomes = {call["id"]: withheld(call, reason) for call in calls} if reason else {}
        tell_results(calls, {**state["outcomes"], **outcomes}, self._kit.session(config).pending, writer)
        return State(outcomes=outcomes)

    def _taken_back(self, state: State, config: RunnableConfig, reason: str) -> State:
        """The answer is neither shown nor part of the conversation."""
        with self._kit.conversation(state, config) as conversation:
            last = max(i for i, one in enumerate(conversation.messages) if isinstance(one, AIMessage))
            conversation.rewind(conversation.transcript.spans[last].start)
            log = conversation.write()
        return State(log=log, held=None, **self._kit.blocked("answer", reason))

    def _let_out(self, state: State, shown: int, writer: StreamWriter) -> State:
        """The answer, as far as it has not been let out before."""
        if rest := (state["output"] or "")[shown:]:
            writer(events.TextDelta(rest))
        return State(held=None, finish_reason=state["finish_reason"] or "answered")
