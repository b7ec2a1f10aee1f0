"""The agent: one class, one call, one result."""

from __future__ import annotations

import asyncio
import datetime
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from llama3_prompts import DEFAULT_INSTRUCTIONS

from ._approval import Approval, Decide, Decision, Mode, Policy
from ._checks import can_constrain, check_limits, check_opening, check_times, loaded
from ._code import CodeRunner
from ._format import OUTPUT_LIMIT
from ._graph import Loop
from ._guards import Guards, guards_of
from ._inputs import MOST_MB, checked_files, checked_question
from ._outcome import INTERRUPT, Ending, outcome, waiting_calls
from ._run import Run
from ._sandboxes import sandbox_maker
from ._selection import Selection, Selector
from ._sessions import Session, Sessions
from ._state import Limits, State
from ._stream import EventStream
from ._structured import OutputType, schema_of
from ._tools import Tool, ToolSet
from ._tracing import agent_ended, agent_span
from .engine import Engine, Sampling
from .errors import FilesNeedSandbox, NothingToResume
from .events import Event, Final
from .guards._watch import Watch
from .nodes._kit import Kit

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

    from llama3_tools import CodeGate, Sandbox

    from .guards._policy import Post, TextGuard
    from .guards._types import Guard


class Agent:
    """A Llama 3 model with tools and a code interpreter.

    Args:
        llama: An engine, or what `Llama` takes: ``"cria"``, a Hugging Face id or a folder.
        tools: Typed functions (sync or async, Google docstrings), LangChain tools (MCP's among them) and
            pydantic models. ``brave_search`` and ``wolfram_alpha`` are offered the way Llama 3 knows them.
            What a tool says with `tool_options` is heeded.
        sandbox: Where code runs: ``"local"`` or ``"e2b"`` for a sandbox of its own for each thread, or a
            function that makes one, such as `SandboxPool.take`; a `Sandbox` to share; None for no code
            interpreter. ``"landlock"`` asks for the weaker local level, for hosts without namespaces.
        instructions: What the assistant is told; by default to use Python and to answer from what the tools
            return.
        approve: Decides on every call that the gate has passed: a function, or ``"ask"`` to have the run
            return with ``finish_reason="interrupted"`` until `resume` is called. A mapping from tool names
            or patterns such as ``"get_*"`` to ``"allow"``, ``"ask"``, ``"refuse"`` or a function decides
            tool by tool: the first that fits counts, and what none fits runs. None runs them all.
        guards: Who looks at what enters, is done, is read and leaves: guards, which stand where they are made
            to, guards posted elsewhere with `Post`, or `Guards` with settings for all of them.
        checkpointer: Where LangGraph keeps the threads; by default in memory, as long as the agent lives.
            With one that outlives the program, a run that was cut off anywhere goes on with `resume`.
        gate: The code gate; by default a `CodeGate` started with the first code.
        max_steps: Times that the model may write for one question.
        max_repeats: How often in a row it may make the very same call; the last of them is not run.
        max_format_errors: Messages in a row with a call that cannot be read.
        max_tokens: Tokens for one message.
        max_run_tokens: Tokens that the model may write for one question, all its messages together.
        max_seconds: How long a question may take. What is under way is then ended.
        tool_timeout: Seconds for one call of a tool that does not say otherwise.
        max_parallel: How many calls of one message are carried out at once; code keeps its order in any case.
        max_file_mb: Size of one attached file.
        code_timeout: Seconds for one piece of code.
        sampling: How to choose tokens; overrides ``max_tokens``. Greedy by default.
        today: The date that the model is told.
        constrain: Whether calls of custom tools are decoded under the grammar of their declarations, so that
            every one can be read and fits its tool; by default where llguidance is installed.
        compact: Whether old tool output, and then old turns, are left out where a thread nears the model's
            window; see `ContextCompacted`. Without, such a thread comes to its end.
        select: How many of the custom tools a thread is offered, for agents with many: the first question
            chooses them by its words, and later ones add to them. A function that takes a question and all
            tools returns those that it calls for. By default every thread is offered all.
        tenant: Agents with the same one share what the engine has computed of the same prefix.

    Raises:
        ConfigurationError: one of these cannot work.
        ModelError: the model cannot be loaded.
    """

    def __init__(
        self,
        llama: Engine | str | Path,
        tools: Iterable[Tool] = (),
        sandbox: Sandbox | Callable[[], Sandbox] | Literal["local", "landlock", "e2b"] | None = "local",
        *,
        instructions: str | None = None,
        approve: Decide | Mode | Policy | None = None,
        guards: Guards | Iterable[Guard | Post | TextGuard] | None = None,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        gate: CodeGate | None = None,
        max_steps: int = 10,
        max_repeats: int = 3,
        max_format_errors: int = 3,
        max_tokens: int = 1024,
        max_run_tokens: int | None = None,
        max_seconds: float | None = None,
        tool_timeout: float | None = 120.0,
        max_parallel: int = 8,
        max_file_mb: float = MOST_MB,
        code_timeout: float = 30.0,
        sampling: Sampling | None = None,
        today: datetime.date | None = None,
        constrain: bool | None = None,
        compact: bool = True,
        select: int | Selector | None = None,
        tenant: str = "",
    ) -> None:
        check_limits(
            max_steps=max_steps,
            max_repeats=max_repeats,
            max_format_errors=max_format_errors,
            max_run_tokens=max_run_tokens,
            max_parallel=max_parallel,
        )
        check_times(max_seconds=max_seconds, tool_timeout=tool_timeout, code_timeout=code_timeout)
        make_sandbox, shared = sandbox_maker(sandbox)
        self.llama = loaded(llama)
        limit = min(OUTPUT_LIMIT, self.llama.context_length // 2)
        tool_set = ToolSet(
            tools, code_interpreter=make_sandbox is not None, limit=limit, timeout=tool_timeout
        )
        self._code = CodeRunner(gate)
        self._sessions = Sessions(
            self.llama, make_sandbox, self._code, shared=shared, tenant=tenant, parallel=max_parallel
        )
        self._own_memory = checkpointer is None
        self._most_bytes = int(max_file_mb * 1e6)
        opening = {
            "instructions": DEFAULT_INSTRUCTIONS if instructions is None else instructions,
            "builtin_tools": tool_set.builtin,
            "code_interpreter": make_sandbox is not None,
            "today": today,
        }
        selection = Selection(tool_set.custom, select)
        check_opening(self.llama, {**opening, "tools": selection.least})
        self._watch = Watch(guards_of(guards))
        self._kit = Kit(
            engine=self.llama,
            tools=tool_set,
            code=self._code,
            sessions=self._sessions,
            memory=InMemorySaver() if checkpointer is None else checkpointer,
            opening=opening,
            selection=selection,
            sampling=sampling or Sampling(max_tokens=max_tokens),
            limits=Limits(
                steps=max_steps,
                repeats=max_repeats,
                format_errors=max_format_errors,
                tokens=max_run_tokens,
                seconds=max_seconds,
                parallel=max_parallel,
            ),
            watch=self._watch,
            approval=Approval.of(approve),
            code_timeout=code_timeout,
            output_limit=limit,
            constrain=can_constrain() if constrain is None else constrain,
            compact=compact,
        )
        self.graph: CompiledStateGraph[State, None, State, State] = Loop(self._kit).compile()
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
            left = self._left(session) if thread else State()
            attached = [session.sandbox().upload(path) for path in paths]
        except BaseException:
            self._leave(session, forget=thread is None)
            raise
        session.output_type = output_type
        session.paths = [*left.pop("paths", []), *(str(path.resolve()) for path in paths)]
        payload = State(
            question=question, attached=attached, paths=list(session.paths), schema=schema, **left
        )
        return self._open(session, payload, forget=thread is None)

    def resume(self, answer: Decision = True, *, thread: str) -> Run:
        """Go on with a thread that waits for approval, or whose run was cut off: by a crash, or by an error.

        After a crash, what had been done is not done again. A call that was under way is told to the model as
        one whose outcome is not known, unless its tool says with `tool_options` that it may be repeated.

        Args:
            answer: True to let the waiting calls run; False or a reason to refuse them; or a mapping from
                call id to one of these, or to the arguments that it is to run with instead. Code that was
                changed passes the gate once more. Of no consequence where nothing waits.
            thread: ``Run.thread`` of the run.

        Raises:
            NothingToResume: the thread neither waits for anything nor was cut off.
        """
        return _last(self.resume_stream(answer, thread=thread))

    def resume_stream(self, answer: Decision = True, *, thread: str) -> EventStream:
        """`resume`, with the events on the way."""
        session = self._begin(thread)
        try:
            found = self.graph.get_state(_config(thread))
            if not found.tasks:
                raise NothingToResume(f"thread {thread!r} neither waits for an approval nor was cut off")
            session.paths = found.values.get("paths", [])
        except BaseException:
            self._leave(session, forget=False)
            raise
        payload: Command[Any] | None = Command(resume=answer or False) if found.interrupts else None
        return self._open(session, payload, forget=thread.startswith(_ONE_OFF))

    def last(self, thread: str) -> Run | None:
        """What the last question of a thread has come to so far; None if there was none.

        ``Run.waiting`` holds the calls that wait for a decision. A run that was cut off has the finish reason
        "interrupted" and no waiting calls; `resume` goes on with either.
        """
        found = self.graph.get_state(_config(thread))
        if not found.values.get("log"):
            return None
        ending = {**found.values, INTERRUPT: found.interrupts}
        if found.tasks and not found.interrupts:
            # The values may still be those of the question before.
            ending |= {"finish_reason": None}
        return self._outcome(self._sessions.open(thread), ending)

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
            self._kit.memory.delete_thread(thread)
        finally:
            session.leave()

    @property
    def active_guards(self) -> tuple[str, ...]:
        """Which guards stand where, as ``"prompt_guard at tool"``; empty when nothing is guarded."""
        return self._watch.active

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
        session.begin(self._kit.limits.seconds)
        return session

    def _left(self, session: Session) -> State:
        """What earlier questions leave behind: files, and the results of calls cut off beside others."""
        found = self.graph.get_state(_config(session.thread))
        left = State(paths=found.values.get("paths", []))
        if found.tasks and not found.interrupts:
            done = [task.result for task in found.tasks if task.name == "execute" and task.result]
            left["outcomes"] = {name: one for result in done for name, one in result["outcomes"].items()}
        return left

    def _open(self, session: Session, payload: State | Command[Any] | None, *, forget: bool) -> EventStream:
        return EventStream(lambda: self._events(session, payload, forget=forget), session.cancel)

    def _events(
        self, session: Session, payload: State | Command[Any] | None, *, forget: bool
    ) -> Iterator[Event]:
        """Drive the graph to the end of the turn, asking for approvals on the way."""
        waits = False
        try:
            with agent_span(session.thread) as span:
                while True:
                    ending = yield from self._drive(session, payload)
                    answers = self._answers(ending)
                    if answers is None:
                        break
                    payload = Command(resume=answers)
                run = self._outcome(session, ending)
                agent_ended(span, run)
            waits = bool(ending[INTERRUPT])
        finally:
            self._leave(session, forget=forget and not waits)
        yield Final(run)

    def _drive(
        self, session: Session, payload: State | Command[Any] | None
    ) -> Generator[Event, None, Ending]:
        # Our own memory need not survive a crash, so it is written once a turn and stays small. Any other is
        # written before the next step begins: what it does not know of, a crash would have done twice.
        durability: Literal["exit", "sync"] = "exit" if self._own_memory else "sync"
        config = _config(session.thread, self._kit.limits)
        ending: Ending = {}
        interrupts: tuple[Any, ...] = ()
        stream = self.graph.stream(payload, config, stream_mode=["custom", "values"], durability=durability)
        for mode, item in cast(Iterator[tuple[str, Any]], stream):
            if mode == "custom":
                yield cast(Event, item)
            else:
                interrupts += item.get(INTERRUPT, ())
                ending = item
        return {**ending, INTERRUPT: interrupts}

    def _answers(self, ending: Ending) -> dict[str, Decision] | None:
        """What functions say about the calls that wait, if any do and nobody else is to be asked."""
        waiting = waiting_calls(ending)
        return self._kit.approval.answers(waiting) if waiting else None

    def _outcome(self, session: Session, ending: Ending) -> Run:
        return outcome(session, ending, self._kit.read, self.active_guards)

    def _leave(self, session: Session, *, forget: bool) -> None:
        if forget:
            self._sessions.release(session.thread)
            if self._own_memory:
                self._kit.memory.delete_thread(session.thread)
        session.leave()


_ONE_OFF = "one-off-"


def _one_off() -> str:
    return _ONE_OFF + uuid.uuid4().hex[:12]


def _config(thread: str, limits: Limits | None = None) -> RunnableConfig:
    config = RunnableConfig(configurable={"thread_id": thread})
    if limits is not None:
        config["recursion_limit"] = 10 + 8 * limits.steps  # our own limits end a run, never LangGraph's
    return config


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
