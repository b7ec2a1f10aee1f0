"""The way of a turn, as a LangGraph state machine.

::

    guard_input ──> generate ──> answered? ──> guard_output ──> (structure) ──> END
                     ▲    │ calls
                     │    ▼
                     │   scan ──> approve (interrupt) ──> execute
                     │     │ nothing may run                 │
                     └─────┴───────────── observe <──────────┘

Each node returns the keys of `State` that it changes. What a turn shows on its way goes out as events through
LangGraph's custom stream. Nothing with an effect comes before the interrupt in ``approve``: LangGraph runs a
node from its top again when it resumes.
"""

# No "from __future__ import annotations" here: LangGraph looks at the real types of a node's parameters.
from dataclasses import asdict, dataclass
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StreamWriter, interrupt

from llama3_prompts import Grammar, Transcript, json_grammar

from . import events
from ._calls import allowed, gate_failure, readable, refusals
from ._code import CodeRunner, verdict_state
from ._guards import Guards, refusal
from ._judge import STOPPED, judge, steps_used_up
from ._run import Usage
from ._sessions import Session, Sessions
from ._state import Call, Limits, Result, State, new_turn
from ._steps import Teller, answer_calls, run_code, settle, usage_metadata, with_files
from ._structured import problem, request
from ._tools import CODE_INTERPRETER, ToolSet
from .engine import Completion, ContextOverflow, Engine, NotEnoughMemory, RequestError, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """The nodes, and what they work with.

    Attributes:
        engine: Continues token ids.
        tools: Everything that can be called, code apart.
        code: The gate and the door to the sandbox.
        sessions: The living part of each thread.
        opening: Keywords of `Transcript` for a new conversation.
        sampling: How tokens are chosen.
        limits: Where a run ends without an answer.
        guards: What may enter and leave.
        ask: Whether calls wait for approval.
        code_timeout: Seconds for one piece of code.
        output_limit: Characters of output that the model gets to read.
        constrain: Whether calls of custom tools are held to their grammar.
    """

    engine: Engine
    tools: ToolSet
    code: CodeRunner
    sessions: Sessions
    opening: dict[str, Any]
    sampling: Sampling
    limits: Limits
    guards: Guards
    ask: bool
    code_timeout: float
    output_limit: int
    constrain: bool

    def compile(
        self, checkpointer: BaseCheckpointSaver[Any] | None
    ) -> CompiledStateGraph[State, None, State, State]:
        """Return the runnable graph."""
        graph = StateGraph(State)
        graph.add_node("guard_input", self.guard_input)
        graph.add_node("generate", self.generate)
        graph.add_node("guard_output", self.guard_output)
        graph.add_node("scan", self.scan)
        graph.add_node("approve", self.approve)
        graph.add_node("execute", self.execute)
        graph.add_node("observe", self.observe)
        graph.add_edge(START, "guard_input")
        graph.add_conditional_edges("guard_input", self.after_guard, ["generate", END])
        graph.add_conditional_edges(
            "generate", self.after_generate, ["generate", "scan", "observe", "guard_output", END]
        )
        graph.add_conditional_edges("scan", self.after_scan, ["approve", "execute", "observe"])
        graph.add_edge("approve", "execute")
        graph.add_edge("execute", "observe")
        graph.add_conditional_edges("observe", self.after_guard, ["generate", END])
        graph.add_node("structure", self.structure)
        graph.add_conditional_edges("guard_output", self.after_answer, ["structure", END])
        graph.add_edge("structure", END)
        return graph.compile(checkpointer=checkpointer)

    def guard_input(self, state: State) -> State:
        """Let the question in, unless the guard objects; then the conversation never sees it."""
        transcript = self._transcript(state)
        settle(transcript, state)
        mark = transcript.position
        change = State(**{**new_turn(), "mark": mark})
        if reason := refusal(self.guards.input, state["question"]):
            change |= State(finish_reason="blocked", error=f"the question was blocked: {reason}")
        else:
            transcript.append(HumanMessage(with_files(state["question"], state.get("attached", []))))
        return {**change, "transcript": transcript.to_state()}

    def generate(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the model write one message, and find out what follows from it."""
        transcript = self._transcript(state)
        try:
            completion = self._speak(transcript, self._session(config), writer)
        except (ContextOverflow, NotEnoughMemory) as error:
            transcript.rewind(state["mark"])
            return _outgrown(error) | State(transcript=transcript.to_state(), calls=[])
        message = transcript.add_generated(completion.ids, usage=usage_metadata(completion))
        turn_over = not completion.ids or transcript.codec.name(completion.ids[-1]) != "<|eom_id|>"
        change = State(
            transcript=transcript.to_state(),
            steps=state["steps"] + 1,
            usage=asdict(Usage(**state["usage"]).plus(completion)),
            verdicts={},
            refused={},
            outcomes={},
        )
        change.update(judge({**state, **change}, message, completion, self.limits, turn_over=turn_over))
        for call in readable(change):
            writer(events.ToolCall(call["id"], call["name"], call["args"]))
        return change

    def guard_output(self, state: State, writer: StreamWriter) -> State:
        """Let the answer out, unless the guard objects; then it is taken out of the conversation too."""
        text = state["output"] or ""
        if reason := refusal(self.guards.output, text):
            transcript = self._transcript(state)
            transcript.rewind(transcript.spans[-1].start)
            error = f"the answer was blocked: {reason}"
            return State(transcript=transcript.to_state(), output="", finish_reason="blocked", error=error)
        if self.guards.output:
            writer(events.TextDelta(text))
        return State(finish_reason="answered")

    def structure(self, state: State, config: RunnableConfig) -> State:
        """Have the answer again, as JSON. The conversation keeps it as it was said."""
        schema = state["schema"]
        assert schema is not None
        transcript = self._transcript(state)
        transcript.append(HumanMessage(request(schema)))
        grammar = json_grammar(schema) if self.constrain else None
        try:
            completion = self._complete(transcript, self._session(config), grammar)
        except (ContextOverflow, NotEnoughMemory) as error:
            return _outgrown(error)
        text = "".join(p.text for p in transcript.codec.pieces(completion.ids) if not p.special)
        change = State(
            structured=text,
            steps=state["steps"] + 1,
            usage=asdict(Usage(**state["usage"]).plus(completion)),
        )
        if reason := refusal(self.guards.output, text):
            change |= State(structured=None, finish_reason="blocked", error=f"the JSON was blocked: {reason}")
        elif wrong := problem(text, schema):
            error_text = f"the answer could not be put into the form asked for: {wrong}"
            change |= State(structured=None, finish_reason="error", error=error_text)
        return change

    def scan(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Have the gate look at every piece of code, before any call of the message is carried out."""
        verdicts = {}
        for call in readable(state):
            if self._is_code(call):
                code = str(call["args"]["code"])
                verdict = self.code.scan(code, session=self._session(config).names)
                writer(events.CodeScan(call["id"], code, verdict))
                verdicts[call["id"]] = verdict_state(verdict)
        return State(verdicts=verdicts)

    def approve(self, state: State) -> State:
        """Wait for someone to say yes or no; see `Agent.resume`."""
        calls = allowed(state)
        answer = interrupt({"calls": calls, "verdicts": state["verdicts"]})
        return State(refused=refusals(answer, calls))

    def execute(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Carry out the calls that passed, in order."""
        session = self._session(config)
        outcomes, plots = {}, state.get("plots", 0)
        for call in allowed(state):
            if session.stop.is_set() or call["id"] in state["refused"]:
                continue
            if self._is_code(call):
                event, figures = self._run_code(call, state, session, plots)
                plots += figures
            else:
                outcome = self.tools.call(call["name"], call["args"])
                event = events.ToolResult(call["id"], call["name"], outcome.content, outcome.ok)
            outcomes[call["id"]] = Result(content=event.content, ok=event.ok)
            writer(event)
        return State(outcomes=outcomes, plots=plots)

    def observe(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Tell the model what became of each call, and see whether the turn may go on."""
        stopped = self._session(config).stop.is_set()
        change = State(calls=[])
        if not state["finish_reason"]:
            if stopped:
                change |= State(finish_reason="interrupted", error=STOPPED)
            elif reason := gate_failure(state):
                change |= State(finish_reason="blocked", error=reason)
            elif state["steps"] >= self.limits.steps:
                change |= State(finish_reason="max_steps", error=steps_used_up(self.limits))
        transcript = self._transcript(state)
        answer_calls(transcript, {**state, "error": change.get("error") or state["error"]}, writer)
        return {**change, "transcript": transcript.to_state()}

    def after_guard(self, state: State) -> str:
        """Where to go when a message for the model has been added."""
        return END if state["finish_reason"] else "generate"

    def after_generate(self, state: State) -> str:
        """Where to go when the model has written."""
        if state["calls"]:
            return "observe" if state["finish_reason"] else "scan"
        if state["finish_reason"]:
            return END
        return "guard_output" if state["output"] is not None else "generate"

    def after_answer(self, state: State) -> str:
        """Where to go when an answer has been let out."""
        return "structure" if state.get("schema") and state["finish_reason"] == "answered" else END

    def after_scan(self, state: State) -> str:
        """Where to go when all code has been looked at."""
        if not allowed(state):
            return "observe"
        return "approve" if self.ask else "execute"

    def _transcript(self, state: State) -> Transcript:
        if "transcript" in state:
            return Transcript.from_state(
                self.engine.tokenizer, state["transcript"], tools=self.opening["tools"]
            )
        return Transcript(self.engine.tokenizer, self.engine.family, **self.opening)

    def _session(self, config: RunnableConfig) -> Session:
        return self.sessions.open(str(config["configurable"]["thread_id"]))

    def _is_code(self, call: Call) -> bool:
        return call["name"] == CODE_INTERPRETER and self.sessions.has_sandbox

    def _speak(self, transcript: Transcript, session: Session, writer: StreamWriter) -> Completion:
        tell = Teller(transcript, writer, hold_text=self.guards.output is not None)
        grammar = transcript.call_grammar() if self.constrain else None
        completion = self._complete(transcript, session, grammar, tell)
        tell.end(truncated=completion.finish == "length")
        return completion

    def _complete(
        self, transcript: Transcript, session: Session, grammar: Grammar | None, tell: Teller | None = None
    ) -> Completion:
        return self.engine.complete(
            transcript.open_assistant(),
            session=session.key,
            sampling=self.sampling,
            on_token=tell,
            cancel=session.stop,
            grammar=grammar,
            tenant=self.sessions.tenant,
        )

    def _run_code(
        self, call: Call, state: State, session: Session, plots: int
    ) -> tuple[events.ToolResult, int]:
        timeout, limit = self.code_timeout, self.output_limit
        return run_code(call, state, session, self.code, plots=plots, timeout=timeout, limit=limit)


def _outgrown(error: RequestError) -> State:
    text = f"the conversation has outgrown the model: {error}; begin a new thread or ask for less output"
    return State(finish_reason="error", error=text)
