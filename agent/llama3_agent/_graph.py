"""The way of a turn, as a LangGraph state machine.

::

    guard_input ──> generate ──> answered? ──> guard_output ──> (structure) ──> END
                     ▲    │ calls
                     │    ▼
                     │   scan ──> approve (interrupt) ──> execute, each call beside the others
                     │     │ nothing may run                 │
                     └─────┴──── observe <── guard_results <─┘

Where a guard wants a person to decide, ``confirm`` comes next, which begins with an interrupt too.

Each node returns the keys of `State` that it changes. What a turn shows on its way goes out as events through
LangGraph's custom stream. Nothing with an effect comes before the interrupt in ``approve``: LangGraph runs a
node from its top again when it resumes.
"""

# No "from __future__ import annotations" here: LangGraph looks at the real types of a node's parameters.
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send, StreamWriter, interrupt

from llama3_prompts import Grammar, Transcript, json_grammar

from . import events
from ._approval import Approval, decided
from ._calls import allowed, gate_failure, jobs, noted, readable, undecided, unknown, unscanned
from ._code import CodeRunner, verdict_state
from ._conversation import Conversation
from ._judge import judge, spent, stopped
from ._run import Usage
from ._sessions import Session, Sessions
from ._state import Call, Held, Job, Limits, Result, State, new_message, new_turn
from ._steps import Teller, answer_calls, run_code, settle, usage_metadata, was_interrupted, with_files
from ._structured import problem, request
from ._tools import CODE_INTERPRETER, ToolSet
from ._tracing import chat_ended, chat_span, tool_ended, tool_span
from .engine import Completion, ContextOverflow, Engine, NotEnoughMemory, RequestError, Sampling
from .guards._watch import (
    Findings,
    Watch,
    stopped_calls,
    tell_results,
    unjudged,
    unread,
    unseen,
    withheld,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The nodes, and what they work with.

    Attributes:
        engine: Continues token ids.
        tools: Everything that can be called, code apart.
        code: The gate and the door to the sandbox.
        sessions: The living part of each thread.
        memory: Where LangGraph keeps the threads.
        opening: Keywords of `Transcript` for a new conversation.
        sampling: How tokens are chosen.
        limits: Where a run ends without an answer.
        watch: The guards.
        approval: Which calls wait for a decision.
        code_timeout: Seconds for one piece of code.
        output_limit: Characters of output that the model gets to read.
        constrain: Whether calls of custom tools are held to their grammar.
    """

    engine: Engine
    tools: ToolSet
    code: CodeRunner
    sessions: Sessions
    memory: BaseCheckpointSaver[Any]
    opening: dict[str, Any]
    sampling: Sampling
    limits: Limits
    watch: Watch
    approval: Approval
    code_timeout: float
    output_limit: int
    constrain: bool

    def compile(self) -> CompiledStateGraph[State, None, State, State]:
        """Return the runnable graph."""
        graph = StateGraph(State)
        graph.add_node("guard_input", self.guard_input)
        graph.add_node("generate", self.generate)
        graph.add_node("guard_output", self.guard_output)
        graph.add_node("structure", self.structure)
        graph.add_node("scan", self.scan)
        graph.add_node("approve", self.approve)
        # LangGraph's types know nodes with a config or a runtime, its code both.
        graph.add_node("execute", self.execute, input_schema=Job)  # type: ignore[arg-type]
        graph.add_node("observe", self.observe)
        graph.add_node("confirm", self.confirm)
        graph.add_edge(START, "guard_input")
        graph.add_conditional_edges("guard_input", self.after_guard, ["generate", "confirm", END])
        handling = ["scan", "approve", "execute", "observe"]
        graph.add_conditional_edges(
            "generate", self.after_generate, [*handling, "generate", "guard_output", END]
        )
        graph.add_conditional_edges("scan", self.after_calls, handling)
        graph.add_conditional_edges("approve", self.after_calls, handling)
        if self.watch.stands_at("tool"):
            graph.add_node("guard_results", self.guard_results)
            graph.add_edge("execute", "guard_results")
            graph.add_conditional_edges("guard_results", self.after_results, ["confirm", "observe"])
        else:
            graph.add_edge("execute", "observe")
        graph.add_conditional_edges("observe", self.after_guard, ["generate", "guard_output", END])
        graph.add_conditional_edges("guard_output", self.after_answer, ["confirm", "structure", END])
        graph.add_conditional_edges("confirm", self.after_confirm, ["generate", "observe", "structure", END])
        graph.add_edge("structure", END)
        return graph.compile(checkpointer=self.memory)

    def guard_input(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the question in, unless a guard objects; then the conversation never sees it."""
        session = self._session(config)
        with self._conversation(state, config) as conversation:
            if unjudged(state, self.watch):
                conversation.rewind(state["mark"])
            else:
                settle(conversation, unread(state, self.watch), self.approval.waits, self._is_code)
            change = State(**{**new_turn(), "mark": conversation.transcript.position})
            text, names = state["question"], state.get("attached", [])
            found = self.watch.question(text, names, conversation.messages, writer, session.stop)
            change["checks"] = found.to_state()
            if session.stop.is_set():
                change |= stopped(self.limits, out_of_time=session.out_of_time)
            elif found.action == "block":
                change |= self._blocked("question", found.reason)
            elif found.action == "ask":
                change["held"] = Held(place="input", verdicts=found.to_state(), shown=0)
            else:
                conversation.append(HumanMessage(with_files(text, names)))
            return {**change, "log": conversation.write()}

    def generate(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the model write one message, and find out what follows from it."""
        session = self._session(config)
        with self._conversation(state, config) as conversation:
            try:
                completion, found, shown = self._speak(conversation, session, state, writer)
            except (ContextOverflow, NotEnoughMemory) as error:
                conversation.rewind(state["mark"])
                return _outgrown(error) | State(log=conversation.write(), calls=[])
            message = conversation.add_generated(completion.ids, usage_metadata(completion))
            codec, log = conversation.transcript.codec, conversation.write()
        turn_over = not completion.ids or codec.name(completion.ids[-1]) != "<|eom_id|>"
        change = State(**new_message(), log=log, run=session.run, steps=state["steps"] + 1)
        change["usage"] = asdict(Usage(**state["usage"]).plus(completion))
        change.update(judge({**state, **change}, message, completion, self.limits, turn_over=turn_over))
        if change.get("finish_reason") == "interrupted":
            change.update(stopped(self.limits, out_of_time=session.out_of_time))
        if found.verdicts:
            change["checks"] = [*state["checks"], *found.to_state()]
        barred = found.action in ("ask", "block") and change.get("output") and not change.get("calls")
        change["held"] = Held(place="output", verdicts=found.to_state(), shown=shown) if barred else None
        for call in readable(change):
            writer(events.ToolCall(call["id"], call["name"], call["args"]))
        return change | State(refused=self.approval.refused(readable(change)))

    def guard_output(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the answer out, unless a guard objects; then it is taken out of the conversation too."""
        text, session, shown, change = state["output"] or "", self._session(config), 0, State()
        if self.watch.in_pieces and not state["finish_reason"]:  # judged while it was written
            held = state["held"]
            found, shown = (
                (Findings.read(held["verdicts"]), held["shown"]) if held else (Findings(), len(text))
            )
        else:
            found = self._judged(text, state, config, writer)
            change["checks"] = [*state["checks"], *found.to_state()]
            shown = 0 if self.watch.holds_text else len(text)
        if session.stop.is_set() and found.action == "block":
            return change | State(
                output="", held=None, **stopped(self.limits, out_of_time=session.out_of_time)
            )
        if found.action == "block":
            return change | self._taken_back(state, config, found.reason)
        if found.action == "ask":
            return change | State(held=Held(place="output", verdicts=found.to_state(), shown=shown))
        return change | self._let_out(state, shown, writer)

    def structure(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Have the answer again, as JSON. The conversation keeps it as it was said."""
        schema = state["schema"]
        assert schema is not None
        with self._conversation(state, config) as conversation:
            transcript = conversation.transcript.branch()
        transcript.append(HumanMessage(request(schema)))
        grammar = json_grammar(schema) if self.constrain else None
        try:
            completion = self._complete(transcript, self._session(config), state, grammar)
        except (ContextOverflow, NotEnoughMemory) as error:
            return _outgrown(error)
        text = "".join(p.text for p in transcript.codec.pieces(completion.ids) if not p.special)
        usage = asdict(Usage(**state["usage"]).plus(completion))
        change = State(structured=text, steps=state["steps"] + 1, usage=usage)
        found = self.watch.answer(text, transcript.messages, writer, self._session(config).stop)
        change["checks"] = [*state["checks"], *found.to_state()]
        if found.action in ("block", "ask"):  # nobody is asked about what is not shown
            error_text = f"the JSON was blocked: {found.reason}"
            change |= State(structured=None, finish_reason="blocked", error=error_text)
        elif wrong := problem(text, schema):
            error_text = f"the answer could not be put into the form asked for: {wrong}"
            change |= State(structured=None, finish_reason="error", error=error_text)
        return change

    def scan(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Have the gate look at code, and the guards at calls, before any of them is carried out."""
        session, calls = self._session(config), unseen(state, self.watch)
        looks = self.watch.calls(calls, self._messages(state, config) if calls else [])
        verdicts = dict(state["verdicts"])
        for call in unscanned(state, self._is_code):
            code = str(call["args"].get("code", ""))
            verdict = self.code.scan(code, session=session.names)
            writer(events.CodeScan(call["id"], code, verdict))
            verdicts[call["id"]] = verdict_state(verdict)
            session.harvest.verdicts[call["id"]] = verdict
        found = self.watch.end(looks, writer, session.stop)
        return State(verdicts=verdicts, run=session.run) | stopped_calls(found, calls, state, writer)

    def approve(self, state: State, config: RunnableConfig) -> State:
        """Wait for someone to say yes or no; see `Agent.resume`."""
        calls = undecided(state, self.approval.waits)
        verdicts = {call["id"]: state["verdicts"].get(call["id"]) for call in calls}
        answer = interrupt({"calls": calls, "verdicts": verdicts})
        return decided(answer, calls, state) | State(run=self._session(config).run)

    def execute(self, job: Job, config: RunnableConfig, runtime: Runtime[None]) -> State:
        """Carry out what may be carried out, in order."""
        session, outcomes, plots = self._session(config), {}, job["plots"]
        # Begun before by a run that is no more: twice is worse than not at all, if the tool does not say
        # otherwise.
        again = job["run"] != session.run and not was_interrupted(self.memory, config, runtime)
        for call in job["calls"]:
            with session.slots:
                if session.stop.is_set():
                    break
                with tool_span(call["name"], call["id"]) as span:
                    event, figures = self._carry_out(call, job, session, plots, again=again)
                    tool_ended(span, ok=event.ok)
            plots += figures
            outcomes[call["id"]] = Result(content=event.content, ok=event.ok)
            if self.watch.stands_at("tool"):
                session.pending[call["id"]] = event
            else:
                runtime.stream_writer(event)
        return State(outcomes=outcomes) | (State(plots=plots) if job["verdicts"] else State())

    def guard_results(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the model have what came of the calls, or a notice instead of what a guard objects to."""
        session = self._session(config)
        calls = [call for call in allowed(state) if call["id"] in state["outcomes"]]
        messages = self._messages(state, config)
        found = self.watch.results(calls, state["outcomes"], messages, writer, session.stop)
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

    def confirm(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Wait for a person to say yes or no to what a guard objects to; see `Agent.resume`."""
        held = state["held"]
        assert held is not None
        answer = interrupt({"guards": held["verdicts"], "place": held["place"]})
        found = Findings.read(held["verdicts"])
        said = found.brief if held["place"] == "tool" else found.reason
        reason = said + (f"; {answer}" if isinstance(answer, str) and answer else "")
        if held["place"] == "input":
            change = self._admitted(state, config) if answer is True else self._blocked("question", reason)
        elif held["place"] == "tool":
            change = self._handed_over(state, config, "" if answer is True else reason, writer)
        elif answer is True:
            change = self._let_out(state, held["shown"], writer)
        else:
            change = self._taken_back(state, config, reason)
        return change | State(held=None, run=self._session(config).run)

    def observe(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Tell the model what became of each call, and see whether the turn may go on."""
        session = self._session(config)
        change = State(calls=[])
        if not state["finish_reason"]:
            if session.stop.is_set():
                change |= stopped(self.limits, out_of_time=session.out_of_time)
            elif reason := gate_failure(state):
                change |= State(finish_reason="blocked", error=reason)
            else:
                change |= spent(state, self.limits)
        with self._conversation(state, config) as conversation:
            answer_calls(conversation, {**state, "error": change.get("error") or state["error"]}, writer)
            return {**change, "log": conversation.write()}

    def after_guard(self, state: State) -> str:
        """Where to go when a message for the model has been added."""
        if state["held"] is not None:
            return "confirm"
        return self._end(state) if state["finish_reason"] else "generate"

    def after_results(self, state: State) -> str:
        """Where to go with what came of the calls."""
        return "confirm" if state["held"] is not None else "observe"

    def after_confirm(self, state: State) -> str:
        """Where to go when a person has decided about a question, results or an answer."""
        if state["calls"]:
            return "observe"
        return self.after_guard(state) if state["output"] is None else self.after_answer(state)

    def after_generate(self, state: State) -> str | list[Send]:
        """Where to go when the model has written."""
        if state["calls"]:
            return "observe" if state["finish_reason"] else self.after_calls(state)
        if state["finish_reason"]:
            return self._end(state)
        return "guard_output" if state["output"] is not None else "generate"

    def after_calls(self, state: State) -> str | list[Send]:
        """Where to go with the calls of a message: to the gate, to who decides, then all at once."""
        if unscanned(state, self._is_code) or unseen(state, self.watch):
            return "scan"
        if undecided(state, self.approval.waits):
            return "approve"
        return [Send("execute", job) for job in self._jobs(state)] or "observe"

    def after_answer(self, state: State) -> str:
        """Where to go when an answer has been judged."""
        if state["held"] is not None:
            return "confirm"
        return "structure" if state.get("schema") and state["finish_reason"] == "answered" else END

    @contextmanager
    def _conversation(self, state: State, config: RunnableConfig) -> Iterator[Conversation]:
        """The conversation of a state, and the living one is kept if nothing goes wrong."""
        session, log = self._session(config), state.get("log", [])
        living, session.conversation = session.conversation, None
        if not log:
            fresh = Transcript(self.engine.tokenizer, self.engine.family, **self.opening)
            living = Conversation(fresh, [])
        elif living is None or living.head != log[-1]["head"]:
            living = Conversation.read(log, self.engine.tokenizer, self.opening["tools"])
        yield living
        session.conversation = living

    def _messages(self, state: State, config: RunnableConfig) -> list[BaseMessage]:
        with self._conversation(state, config) as conversation:
            return list(conversation.messages)

    def _end(self, state: State) -> str:
        """How a run ends that did not come to an answer: what text there is must not go past the guards."""
        unseen_text = (
            state["output"] and state["finish_reason"] != "blocked" and self.watch.stands_at("output")
        )
        return "guard_output" if unseen_text else END

    def _judged(self, text: str, state: State, config: RunnableConfig, writer: StreamWriter) -> Findings:
        """What the guards say of the text of the last message that the model wrote."""
        if not self.watch.stands_at("output"):
            return Findings()
        messages = self._messages(state, config)
        while messages and not isinstance(messages[-1], AIMessage):
            messages.pop()
        return self.watch.answer(text, messages[:-1], writer, self._session(config).stop)

    def _blocked(self, what: str, reason: str) -> State:
        error = f"the {what} was blocked: {reason}"
        return State(output=self.watch.apology, finish_reason="blocked", error=error)

    def _admitted(self, state: State, config: RunnableConfig) -> State:
        with self._conversation(state, config) as conversation:
            conversation.append(HumanMessage(with_files(state["question"], state.get("attached", []))))
            return State(log=conversation.write())

    def _handed_over(self, state: State, config: RunnableConfig, reason: str, writer: StreamWriter) -> State:
        """The results that a person was asked about, or notices instead of them."""
        assert state["held"] is not None
        asked = {one["call_id"] for one in state["held"]["verdicts"]}
        calls = [call for call in state["calls"] if call["id"] in asked]
        outcomes = {call["id"]: withheld(call, reason) for call in calls} if reason else {}
        tell_results(calls, {**state["outcomes"], **outcomes}, self._session(config).pending, writer)
        return State(outcomes=outcomes)

    def _taken_back(self, state: State, config: RunnableConfig, reason: str) -> State:
        """The answer is neither shown nor part of the conversation."""
        with self._conversation(state, config) as conversation:
            last = max(i for i, one in enumerate(conversation.messages) if isinstance(one, AIMessage))
            conversation.rewind(conversation.transcript.spans[last].start)
            log = conversation.write()
        return State(log=log, held=None, **self._blocked("answer", reason))

    def _let_out(self, state: State, shown: int, writer: StreamWriter) -> State:
        """The answer, as far as it has not been let out before."""
        if rest := (state["output"] or "")[shown:]:
            writer(events.TextDelta(rest))
        return State(held=None, finish_reason=state["finish_reason"] or "answered")

    def _jobs(self, state: State) -> list[Job]:
        return jobs(state, self._is_code, parallel=self.limits.parallel > 1)

    def _session(self, config: RunnableConfig) -> Session:
        return self.sessions.open(str(config["configurable"]["thread_id"]))

    def _is_code(self, call: Call) -> bool:
        return call["name"] == CODE_INTERPRETER and self.sessions.has_sandbox

    def _speak(
        self, conversation: Conversation, session: Session, state: State, writer: StreamWriter
    ) -> tuple[Completion, Findings, int]:
        """Let the model write; also what the guards say meanwhile, and how much text went out."""
        transcript = conversation.transcript
        sluice = self.watch.sluice(list(conversation.messages), writer, session.stop)
        tell = Teller(transcript, sluice or writer, hold_text=self.watch.holds_text)
        grammar = transcript.call_grammar() if self.constrain else None
        completion = self._complete(transcript, session, state, grammar, tell)
        tell.end(truncated=completion.finish == "length")
        found, shown = sluice.end() if sluice else (Findings(), 0)
        return completion, found, shown

    def _complete(
        self,
        transcript: Transcript,
        session: Session,
        state: State,
        grammar: Grammar | None,
        tell: Teller | None = None,
    ) -> Completion:
        sampling = replace(self.sampling, max_tokens=self._room(state))
        with chat_span(self.engine, sampling) as span:
            completion = self.engine.complete(
                transcript.open_assistant(),
                session=session.key,
                sampling=sampling,
                on_token=tell,
                cancel=session.stop,
                grammar=grammar,
                tenant=self.sessions.tenant,
            )
            chat_ended(span, completion)
        return completion

    def _room(self, state: State) -> int:
        """Tokens that the next message may have."""
        most, budget = self.sampling.max_tokens, self.limits.tokens
        used = Usage(**state["usage"]).generated_tokens
        return most if budget is None else max(1, min(most, budget - used))

    def _carry_out(
        self, call: Call, job: Job, session: Session, plots: int, *, again: bool
    ) -> tuple[events.ToolResult, int]:
        """The result of a call, and how many figures it left behind."""
        code = call["id"] in job["verdicts"]
        if again and (code or not self.tools.repeatable(call["name"])):
            return events.ToolResult(call["id"], call["name"], unknown(call)["content"], ok=False), 0
        if code:
            timeout, limit = self.code_timeout, self.output_limit
            return run_code(call, job, session, self.code, plots=plots, timeout=timeout, limit=limit)
        outcome = self.tools.call(call["name"], call["args"], session.stop)
        return events.ToolResult(call["id"], call["name"], noted(call, outcome.content), outcome.ok), 0


def _outgrown(error: RequestError) -> State:
    text = f"the conversation has outgrown the model: {error}; begin a new thread or ask for less output"
    return State(finish_reason="error", error=text)
