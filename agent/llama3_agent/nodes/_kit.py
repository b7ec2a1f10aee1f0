"""What all nodes work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import StreamWriter

from llama3_prompts import Grammar, Transcript

from .._approval import Approval
from .._code import CodeRunner
from .._compaction import compact
from .._conversation import Conversation, Log, offered
from .._run import Usage
from .._selection import Selection
from .._sessions import Session, Sessions
from .._state import Call, Limits, State
from .._steps import Teller, with_files
from .._tools import CODE_INTERPRETER, ToolSet
from .._tracing import chat_ended, chat_span
from ..engine import Completion, Engine, Sampling
from ..guards._watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What all nodes work with.

    Attributes:
        engine: Continues token ids.
        tools: Everything that can be called, code apart.
        code: The gate and the door to the sandbox.
        sessions: The living part of each thread.
        memory: Where LangGraph keeps the threads.
        opening: Keywords of `Transcript` for a new conversation, custom tools apart.
        selection: Which custom tools a conversation is offered.
        sampling: How tokens are chosen.
        limits: Where a run ends without an answer.
        watch: The guards.
        approval: Which calls wait for a decision.
        code_timeout: Seconds for one piece of code.
        output_limit: Characters of output that the model gets to read.
        constrain: Whether calls of custom tools are held to their grammar.
        compact: Whether old parts of a conversation go where it nears the model's window.
    """

    engine: Engine
    tools: ToolSet
    code: CodeRunner
    sessions: Sessions
    memory: BaseCheckpointSaver[Any]
    opening: dict[str, Any]
    selection: Selection
    sampling: Sampling
    limits: Limits
    watch: Watch
    approval: Approval
    code_timeout: float
    output_limit: int
    constrain: bool
    compact: bool

    def session(self, config: RunnableConfig) -> Session:
        return self.sessions.open(str(config["configurable"]["thread_id"]))

    @contextmanager
    def conversation(self, state: State, config: RunnableConfig) -> Iterator[Conversation]:
        """The conversation of a state, and the living one is kept if nothing goes wrong."""
        session, log = self.session(config), state.get("log", [])
        living, session.conversation = session.conversation, None
        if not log:
            tools = self.selection.first(state.get("question", ""))
            fresh = Transcript(self.engine.tokenizer, self.engine.family, tools=tools, **self.opening)
            living = Conversation(fresh, [])
        elif living is None or living.head != log[-1]["head"]:
            living = self.read(log)
        yield living
        session.conversation = living

    def read(self, log: Log) -> Conversation:
        """The conversation that a log describes, with the live tools."""
        return Conversation.read(log, self.engine.tokenizer, self.selection.known(offered(log)))

    def ask(self, conversation: Conversation, state: State) -> None:
        """Put the question into a conversation, behind the tools that it calls for beside those on offer."""
        question, offered_by_now = state["question"], conversation.transcript.tools
        if state.get("log") and (more := self.selection.more(question, offered_by_now)):
            conversation.add_tools(more)
        conversation.append(HumanMessage(with_files(question, state.get("attached", []))))

    def messages(self, state: State, config: RunnableConfig) -> list[BaseMessage]:
        with self.conversation(state, config) as conversation:
            return conversation.said

    def is_code(self, call: Call) -> bool:
        return call["name"] == CODE_INTERPRETER and self.sessions.has_sandbox

    def complete(
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

    def make_room(
        self, conversation: Conversation, state: State, writer: StreamWriter, *, more: int = 0
    ) -> State:
        """Leave out old parts of a conversation where there is too little room for the next message.

        Args:
            conversation: Is changed.
            state: The turn so far.
            writer: Takes the event.
            more: Tokens that are yet to be added.

        Returns:
            The change of state; nothing where nothing had to be done.
        """
        if not self.compact:
            return State()
        window = self.engine.context_length - len(conversation.transcript.codec.header("assistant")) - more
        # A message may be as long as the window, but conversations are not cut down to nothing for that.
        limit = window - min(self._room(state), self.engine.context_length // 4)
        attached = set(state.get("attached", []))
        files = [name for path in state.get("paths", []) if (name := Path(path).name) not in attached]
        done = compact(conversation, state["mark"], limit=limit, window=window, files=files)
        if done is None:
            return State()
        writer(done)
        mark = state["mark"] + done.after - done.before
        return State(mark=mark, compactions=[*state.get("compactions", []), asdict(done)])

    def _room(self, state: State) -> int:
        """Tokens that the next message may have."""
        most, budget = self.sampling.max_tokens, self.limits.tokens
        used = Usage(**state["usage"]).generated_tokens
        return most if budget is None else max(1, min(most, budget - used))

    def blocked(self, what: str, reason: str) -> State:
        error = f"the {what} was blocked: {reason}"
        return State(output=self.watch.apology, finish_reason="blocked", error=error)
