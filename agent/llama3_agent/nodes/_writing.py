"""The nodes in which the model writes."""

# No "from __future__ import annotations" here: LangGraph looks at the real types of a node's parameters.
from dataclasses import asdict

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import StreamWriter

from llama3_prompts import json_grammar

from .. import events
from .._calls import readable
from .._conversation import Conversation
from .._judge import judge, stopped
from .._run import Usage
from .._sessions import Session
from .._state import Held, State, new_message
from .._steps import Teller, usage_metadata
from .._structured import problem, request
from ..engine import Completion, ContextOverflow, NotEnoughMemory, RequestError
from ..guards._watch import Findings
from ._kit import Kit


class Writing:
    """``generate`` and ``structure``.

    Args:
        kit: What they work with.
    """

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    def generate(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Let the model write one message, and find out what follows from it."""
        session = self._kit.session(config)
        with self._kit.conversation(state, config) as conversation:
            room = self._kit.make_room(conversation, state, writer)
            state = {**state, **room}
            try:
                completion, found, shown = self._speak(conversation, session, state, writer)
            except (ContextOverflow, NotEnoughMemory) as error:
                conversation.rewind(state["mark"])
                return room | _outgrown(error) | State(log=conversation.write(), calls=[])
            message = conversation.add_generated(completion.ids, usage_metadata(completion))
            codec, log = conversation.transcript.codec, conversation.write()
        turn_over = not completion.ids or codec.name(completion.ids[-1]) != "<|eom_id|>"
        change = room | State(**new_message(), log=log, run=session.run, steps=state["steps"] + 1)
        change["usage"] = asdict(Usage(**state["usage"]).plus(completion))
        change.update(judge({**state, **change}, message, completion, self._kit.limits, turn_over=turn_over))
        if change.get("finish_reason") == "interrupted":
            change.update(stopped(self._kit.limits, out_of_time=session.out_of_time))
        if found.verdicts:
            change["checks"] = [*state["checks"], *found.to_state()]
        barred = found.action in ("ask", "block") and change.get("output") and not change.get("calls")
        change["held"] = Held(place="output", verdicts=found.to_state(), shown=shown) if barred else None
        for call in readable(change):
            writer(events.ToolCall(call["id"], call["name"], call["args"]))
        return change | State(refused=self._kit.approval.refused(readable(change)))

    def structure(self, state: State, config: RunnableConfig, writer: StreamWriter) -> State:
        """Have the answer again, as JSON. The conversation keeps it as it was said."""
        schema = state["schema"]
        assert schema is not None
        asked = HumanMessage(request(schema))
        with self._kit.conversation(state, config) as conversation:
            transcript = conversation.transcript.branch()
            transcript.append(asked)
            more = transcript.position - conversation.transcript.position
            change = self._kit.make_room(conversation, state, writer, more=more)
            if change:
                change["log"] = conversation.write()
                transcript = conversation.transcript.branch()
                transcript.append(asked)
        grammar = json_grammar(schema) if self._kit.constrain else None
        try:
            completion = self._kit.complete(transcript, self._kit.session(config), state, grammar)
        except (ContextOverflow, NotEnoughMemory) as error:
            return change | _outgrown(error)
        text = "".join(p.text for p in transcript.codec.pieces(completion.ids) if not p.special)
        usage = asdict(Usage(**state["usage"]).plus(completion))
        change |= State(structured=text, steps=state["steps"] + 1, usage=usage)
        found = self._kit.watch.answer(text, transcript.messages, writer, self._kit.session(config).stop)
        change["checks"] = [*state["checks"], *found.to_state()]
        if found.action in ("block", "ask"):  # nobody is asked about what is not shown
            error_text = f"the JSON was blocked: {found.reason}"
            change |= State(structured=None, finish_reason="blocked", error=error_text)
        elif wrong := problem(text, schema):
            error_text = f"the answer could not be put into the form asked for: {wrong}"
            change |= State(structured=None, finish_reason="error", error=error_text)
        return change

    def _speak(
        self, conversation: Conversation, session: Session, state: State, writer: StreamWriter
    ) -> tuple[Completion, Findings, int]:
        """Let the model write; also what the guards say meanwhile, and how much text went out."""
        transcript = conversation.transcript
        sluice = self._kit.watch.sluice(conversation.said, writer, session.stop)
        tell = Teller(
            transcript,
            sluice or writer,
            hold_text=self._kit.watch.holds_text,
            on_code=self._kit.code.prepare if self._kit.sessions.has_sandbox else None,
        )
        grammar = transcript.call_grammar() if self._kit.constrain else None
        completion = self._kit.complete(transcript, session, state, grammar, tell)
        tell.end(truncated=completion.finish == "length")
        found, shown = sluice.end() if sluice else (Findings(), 0)
        return completion, found, shown


def _outgrown(error: RequestError) -> State:
    text = f"the conversation has outgrown the model: {error}; begin a new thread or ask for less output"
    return State(finish_reason="error", error=text)
