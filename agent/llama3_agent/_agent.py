"""The agent: one class, one call, one result."""

from __future__ import annotations

import asyncio
import datetime
import importlib.util
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from llama3_prompts import DEFAULT_INSTRUCTIONS, Transcript

from ._code import CodeRunner
from ._format import OUTPUT_LIMIT
from ._graph import Loop
from ._guards import Guards
from ._inputs import MOST_MB, checked_files, checked_question
from ._run import Run, RunFiles, Usage
from ._sandboxes import sandbox_maker
from ._sessions import Session, Sessions
from ._state import Limits, State
from ._stream import EventStream
from ._structured import OutputType, parsed, schema_of
from ._tools import Tool, ToolSet
from .engine import Engine, Sampling
from .errors import ConfigurationError, FilesNeedSandbox, NothingToResume
from .events import Event, Final, ToolCall

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    from llama3_tools import CodeGate, Sandbox

Approve = Callable[[ToolCall], bool | str]
"""Takes a call; returns True to let it run, False or a reason (which the model reads) to refuse it."""


class Agent:
    """A Llama 3 model with tools and a code interpreter.

    Args:
        llama: An engine, or what `Llama` takes: ``"cria"``, a Hugging Face id or a folder.
        tools: Typed functions (sync or async, Google docstrings) and LangChain tools. ``brave_search`` and
            ``wolfram_alpha`` are offered the way Llama 3 knows them.
        sandbox: Where code runs: ``"local"`` or ``"e2b"`` for a sandbox of its own for each thread, a
            `Sandbox` to share, None for no code interpreter.
        instructions: What the assistant is told; by default to use Python and to answer from what the tools
            return.
        approve: Decides on every call that the gate has passed: a function, or ``"ask"`` to have the run
            return with ``finish_reason="interrupted"`` until `resume` is called. None runs them all.
        guards: What may enter and leave.
        checkpointer: Where LangGraph keeps the threads; by default in memory, as long as the agent lives.
        gate: The code gate; by default a `CodeGate` started with the first code.
        max_steps: Times that the model may write for one question.
        max_repeats: How often in a row it may make the very same call; the last of them is not run.
        max_format_errors: Messages in a row with a call that cannot be read.
        max_tokens: Tokens for one message.
        max_file_mb: Size of one attached file.
        code_timeout: Seconds for one piece of code.
        sampling: How to choose tokens; overrides ``max_tokens``. Greedy by default.
        today: The date that the model is told.
        constrain: Whether calls of custom tools are decoded under the grammar of their declarations, so that
            every one can be read and fits its tool; by default where llguidance is installed.
        tenant: Agents with the same one share what the engine has computed of the same prefix.

    Raises:
        ConfigurationError: one of these cannot work.
        ModelError: the model cannot be loaded.
    """

    def __init__(
        self,
        llama: Engine | str | Path,
        tools: Iterable[Tool] = (),
        sandbox: Sandbox | Literal["local", "e2b"] | None = "local",
        *,
        instructions: str | None = None,
        approve: Approve | Literal["ask"] | None = None,
        guards: Guards | None = None,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        gate: CodeGate | None = None,
        max_steps: int = 10,
        max_repeats: int = 3,
        max_format_errors: int = 3,
        max_tokens: int = 1024,
        max_file_mb: float = MOST_MB,
        code_timeout: float = 30.0,
        sampling: Sampling | None = None,
        today: datetime.date | None = None,
        constrain: bool | None = None,
        tenant: str = "",
    ) -> None:
        _check_limits(max_steps=max_steps, max_repeats=max_repeats, max_format_errors=max_format_errors)
        make_sandbox, shared = sandbox_maker(sandbox)
        self.llama = _loaded(llama)
        limit = min(OUTPUT_LIMIT, self.llama.context_length // 2)
        tool_set = ToolSet(tools, code_interpreter=make_sandbox is not None, limit=limit)
        self._code = CodeRunner(gate)
        self._sessions = Sessions(self.llama, make_sandbox, self._code, shared=shared, tenant=tenant)
        self._approve = None if approve == "ask" else approve
        self._own_memory = checkpointer is None
        self._most_bytes = int(max_file_mb * 1e6)
        opening = {
            "instructions": DEFAULT_INSTRUCTIONS if instructions is None else instructions,
            "tools": tool_set.custom,
            "builtin_tools": tool_set.builtin,
            "code_interpreter": make_sandbox is not None,
            "today": today,
        }
        _check_opening(self.llama, opening)
        self._loop = Loop(
            engine=self.llama,
            tools=tool_set,
            code=self._code,
            sessions=self._sessions,
            opening=opening,
            sampling=sampling or Sampling(max_tokens=max_tokens),
            limits=Limits(steps=max_steps, repeats=max_repeats, format_errors=max_format_errors),
            guards=guards or Guards(),
            ask=approve is not None,
            code_timeout=code_timeout,
            output_limit=limit,
            constrain=can_constrain() if constrain is None else constrain,
        )
        self.graph: CompiledStateGraph[State, None, State, State] = self._loop.compile(
            checkpointer or InMemorySaver()
        )
        # Sandboxes must not outlive an agent that nobody closed.
        self._release = weakref.finalize(self, _close, self._sessions, self._code)

    def run(
        self,
        text: str,
        files: Iterable[str | Path] = (),
        *,
        thread: str | None = None,
        output_type: OutputType | None = None,
    ) -> Run:
        """Answer a question.

        Args:
            text: The question.
            files: Files to put into the sandbox; the model is told their names.
            thread: Continues the conversation of this name, or begins it. Without one the conversation is
                forgotten.
            output_type: What the answer is to be beside text, found in ``Run.parsed``: a pydantic model, any
                type that pydantic knows, or a JSON Schema. The model is asked for it once it has answered.

        Raises:
            InputError: the question, a file or the output type cannot be used.
            ThreadBusy: the thread is still answering.
            SandboxUnavailable: code cannot be confined on this machine; nothing was run.
            KeyboardInterrupt: Ctrl-C; the thread stays usable.
        """
        return _last(self.stream(text, files, thread=thread, output_type=output_type))

    def stream(
        self,
        text: str,
        files: Iterable[str | Path] = (),
        *,
        thread: str | None = None,
        output_type: OutputType | None = None,
    ) -> EventStream:
        """Answer a question, and yield events on the way; the last one is a `Final`. See `run`."""
        question = checked_question(text)
        paths = checked_files(files, most_bytes=self._most_bytes)
        schema = None if output_type is None else schema_of(output_type)
        if paths and not self._sessions.has_sandbox:
            raise FilesNeedSandbox("files need a sandbox to be put in; do not pass sandbox=None")
        session = self._begin(thread or _one_off())
        try:
            attached = [session.sandbox().upload(path) for path in paths]
        except BaseException:
            self._leave(session, forget=thread is None)
            raise
        session.output_type = output_type
        payload = State(question=question, attached=attached, schema=schema)
        return self._open(session, payload, forget=thread is None)

    def resume(self, answer: bool | str | Mapping[str, bool | str] = True, *, thread: str) -> Run:
        """Go on with a thread that waits for approval (``approve="ask"``).

        Args:
            answer: True to let the waiting calls run; False or a reason to refuse them; or a mapping from
                call id to one of these.
            thread: ``Run.thread`` of the interrupted run.

        Raises:
            NothingToResume: the thread does not wait for anything.
        """
        if not self.graph.get_state(_config(thread)).interrupts:
            raise NothingToResume(f"thread {thread!r} does not wait for an approval")
        return _last(
            self._open(
                self._begin(thread), Command(resume=answer or False), forget=thread.startswith(_ONE_OFF)
            )
        )

    async def arun(
        self,
        text: str,
        files: Iterable[str | Path] = (),
        *,
        thread: str | None = None,
        output_type: OutputType | None = None,
    ) -> Run:
        """`run`, for use in an event loop; the work is done in a worker thread."""
        async for event in self.astream(text, files, thread=thread, output_type=output_type):
            if isinstance(event, Final):
                return event.run
        raise AssertionError("a stream ends with Final")

    async def astream(
        self,
        text: str,
        files: Iterable[str | Path] = (),
        *,
        thread: str | None = None,
        output_type: OutputType | None = None,
    ) -> AsyncIterator[Event]:
        """`stream`, for use in an event loop. Cancelling the task stops the run."""
        opening = asyncio.ensure_future(
            asyncio.to_thread(self.stream, text, files, thread=thread, output_type=output_type)
        )
        try:
            stream = await asyncio.shield(opening)
            while (event := await asyncio.to_thread(next, stream, None)) is not None:
                yield event
        finally:
            await asyncio.shield(_close_stream(opening))

    def cancel(self, thread: str | None = None) -> None:
        """Stop the answer that a thread is giving, or all answers. May be called from any thread.

        The run ends with ``finish_reason="interrupted"``, and its thread can be continued.
        """
        self._sessions.stop(thread)

    def forget(self, thread: str) -> None:
        """Forget a thread: its conversation, its sandbox with all files, and its cache.

        Raises:
            ThreadBusy: the thread is still answering.
        """
        session = self._begin(thread)
        try:
            self._sessions.release(thread)
            self._saver().delete_thread(thread)
        finally:
            session.busy.release()

    def close(self) -> None:
        """Stop everything and release sandboxes, caches and the gate. May be called twice."""
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, thread: str) -> Session:
        session = self._sessions.open(thread)
        session.begin()
        return session

    def _open(self, session: Session, payload: State | Command[Any], *, forget: bool) -> EventStream:
        return EventStream(lambda: self._events(session, payload, forget=forget), session.cancel)

    def _events(
        self, session: Session, payload: State | Command[Any] | None, *, forget: bool
    ) -> Iterator[Event]:
        """Drive the graph to the end of the turn, asking for approvals on the way."""
        waits = False
        try:
            while payload is not None:
                yield from self._drive(session, payload)
                payload = self._decision(session)
            run = self._outcome(session)
            waits = bool(self.graph.get_state(_config(session.thread)).interrupts)
        finally:
            self._leave(session, forget=forget and not waits)
        yield Final(run)

    def _drive(self, session: Session, payload: State | Command[Any]) -> Iterator[Event]:
        # Our own memory need not survive a crash, so it is written once a turn and stays small.
        durability: Literal["exit"] | None = "exit" if self._own_memory else None
        config = _config(session.thread, self._loop.limits)
        for event in self.graph.stream(payload, config, stream_mode="custom", durability=durability):
            yield cast(Event, event)

    def _decision(self, session: Session) -> Command[Any] | None:
        """What the approve function says about the calls that wait, if any do and there is one."""
        interrupts = self.graph.get_state(_config(session.thread)).interrupts
        if not interrupts or self._approve is None:
            return None
        calls = [ToolCall(call["id"], call["name"], call["args"]) for call in interrupts[0].value["calls"]]
        return Command(resume={call.id: self._approve(call) for call in calls})

    def _outcome(self, session: Session) -> Run:
        state = self.graph.get_state(_config(session.thread))
        values, reason, error = state.values, state.values["finish_reason"], state.values["error"]
        if state.interrupts:
            reason, error = (
                "interrupted",
                "calls wait for approval: agent.resume(True or False, thread=run.thread)",
            )
        transcript = Transcript.from_state(
            self.llama.tokenizer, values["transcript"], tools=self._loop.opening["tools"]
        )
        value = None
        if reason == "answered" and values["structured"] is not None:
            try:
                value = parsed(values["structured"], session.output_type)
            except ValueError as objection:
                reason, error = "error", f"the answer is not what was asked for: {objection}"
        harvest = session.harvest
        return Run(
            output=values["output"] or "",
            finish_reason=reason,
            error=error,
            messages=tuple(transcript.messages),
            results=tuple(harvest.results),
            files=RunFiles(harvest.files, harvest.left_out),
            usage=Usage(**values["usage"]),
            steps=values["steps"],
            thread=session.thread,
            parsed=value,
        )

    def _leave(self, session: Session, *, forget: bool) -> None:
        if forget:
            self._sessions.release(session.thread)
            if self._own_memory:
                self._saver().delete_thread(session.thread)
        session.busy.release()

    def _saver(self) -> BaseCheckpointSaver[Any]:
        saver = self.graph.checkpointer
        assert saver is not None
        assert not isinstance(saver, bool)
        return saver


_ONE_OFF = "one-off-"


def _one_off() -> str:
    return _ONE_OFF + uuid.uuid4().hex[:12]


def _config(thread: str, limits: Limits | None = None) -> RunnableConfig:
    config = RunnableConfig(configurable={"thread_id": thread})
    if limits is not None:
        config["recursion_limit"] = 10 + 6 * limits.steps  # our own limits end a run, never LangGraph's
    return config


def _loaded(llama: Engine | str | Path) -> Engine:
    if isinstance(llama, str | Path):
        from ._llama import Llama  # torch: only when a model is to be loaded

        return Llama(str(llama))
    return llama


def can_constrain() -> bool:
    """Whether calls can be decoded under a grammar here."""
    return importlib.util.find_spec("llguidance") is not None


def _check_limits(**limits: int) -> None:
    for name, value in limits.items():
        if value < 1:
            raise ConfigurationError(f"{name} must be at least 1, not {value!r}")


def _check_opening(llama: Engine, opening: dict[str, Any]) -> None:
    """Open a conversation once: what cannot be framed is told now, not with the first question."""
    try:
        tokens = Transcript(llama.tokenizer, llama.family, **opening).position
    except ValueError as error:
        raise ConfigurationError(f"no conversation can be framed for this model: {error}") from error
    if tokens >= llama.context_length:
        raise ConfigurationError(
            f"instructions and tools take {tokens:,} tokens, but the model holds {llama.context_length:,}; "
            "shorten the instructions or offer fewer tools"
        )


def _last(stream: EventStream) -> Run:
    with stream:
        for event in stream:
            if isinstance(event, Final):
                return event.run
    raise AssertionError("a stream ends with Final")


async def _close_stream(opening: asyncio.Future[EventStream]) -> None:
    """Close a stream that may still be opening: an upload is not to be left half-way."""
    await asyncio.wait([opening])
    if not opening.cancelled() and opening.exception() is None:
        await asyncio.to_thread(opening.result().close)


def _close(sessions: Sessions, code: CodeRunner) -> None:
    sessions.close()
    code.close()
