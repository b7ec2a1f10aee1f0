"""What the nodes of the graph are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langgraph.checkpoint.serde.types import INTERRUPT

from llama3_prompts import StreamDecoder
from llama3_tools import SandboxError, SandboxUnavailable

from . import _format, events
from ._calls import allowed, noted, undecided, unknown, unscanned, why_not
from ._code import verdict_from
from ._judge import STOPPED
from ._state import Result
from ._tools import CODE_INTERPRETER

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.runtime import Runtime
    from langgraph.types import StreamWriter

    from llama3_prompts import Event, Transcript

    from ._code import CodeRunner
    from ._conversation import Conversation
    from ._sessions import Session
    from ._state import Call, Job, State
    from .engine import Completion


def with_files(question: str, names: list[str]) -> str:
    """The user message: the question, under the names of the files that come with it."""
    return f"Attached: {', '.join(names)}\n\n{question}" if names else question


class Teller:
    """Turns each generated token into events.

    Args:
        transcript: What the tokens go on with.
        writer: Takes the events.
        hold_text: Leave out the text of the answer.
        on_code: Told when the model begins to write code, if anybody wants to know.
    """

    def __init__(
        self,
        transcript: Transcript,
        writer: Callable[[Any], None],
        *,
        hold_text: bool,
        on_code: Callable[[], None] | None = None,
    ) -> None:
        self._decoder, self._parser = StreamDecoder(transcript.codec), transcript.parser()
        self._writer, self._hold_text, self._on_code = writer, hold_text, on_code

    def __call__(self, token: int) -> None:
        """Tell what a token shows."""
        for piece in self._decoder.feed_piece(token):
            self._tell(self._parser.feed(piece))

    def end(self, *, truncated: bool) -> None:
        """Tell what was held back because it could still have become a call."""
        self._tell(self._parser.end(truncated=truncated)[0])

    def _tell(self, shown: Iterable[Event]) -> None:
        for event in shown:
            if self._on_code and isinstance(event, events.ToolCallDelta) and event.name == CODE_INTERPRETER:
                self._on_code()
            if not (self._hold_text and isinstance(event, events.TextDelta)):
                self._writer(event)


def run_code(
    call: Call, job: Job, session: Session, code: CodeRunner, *, plots: int, timeout: float, limit: int
) -> tuple[events.ToolResult, int]:
    """Run a call's code under its verdict.

    Args:
        call: The call.
        job: Holds the verdict.
        session: Has the sandbox, and takes what the code leaves behind.
        code: The door.
        plots: Figures numbered so far in the thread.
        timeout: Seconds.
        limit: Characters of output that the model gets to read.

    Returns:
        The result, and the number of figures.

    Raises:
        SandboxUnavailable: code cannot be confined on this machine; nothing was run.
    """
    sandbox = session.sandbox()
    verdict = verdict_from(job["verdicts"][call["id"]])
    session.in_code = True
    try:
        if session.stop.is_set():  # while the sandbox was started
            return events.ToolResult(
                call["id"], call["name"], _format.failed(f"not run: {STOPPED}"), ok=False
            ), 0
        execution = code.run(str(call["args"]["code"]), verdict, sandbox, timeout=timeout)
    except SandboxUnavailable:
        raise
    except SandboxError as error:
        content = _format.failed(f"the sandbox could not run this: {error}")
        return events.ToolResult(call["id"], call["name"], content, ok=False), 0
    finally:
        session.in_code = False
    if execution.state_lost:
        code.forget(session.names)
    figures, files = session.harvest.gather(execution, sandbox, plots=plots)
    content = noted(call, _format.code_result(execution, plots=figures, files=files, limit=limit))
    ok = execution.error is None and not execution.timed_out
    event = events.ToolResult(call["id"], call["name"], content, ok, execution, (*figures, *files))
    return event, len(figures)


def answer_calls(conversation: Conversation, state: State, writer: StreamWriter | None = None) -> None:
    """Add one tool message for each call of the last message, whatever became of it."""
    for call in state.get("calls", []):
        result = state["outcomes"].get(call["id"])
        if result is None:
            result = Result(content=why_not(call, state), ok=False)
            if writer:
                writer(events.ToolResult(call["id"], call["name"], result["content"], ok=False))
        status = "success" if result["ok"] else "error"
        message = ToolMessage(result["content"], tool_call_id=call["id"], name=call["name"], status=status)
        conversation.append(message)


def settle(
    conversation: Conversation, state: State, waits: Callable[[Call], bool], is_code: Callable[[Call], bool]
) -> None:
    """Tidy up a turn left in the middle: no question without an answer, no call without a result."""
    waiting = unscanned(state, is_code) or undecided(state, waits)
    begun = [] if waiting else allowed(state)
    outcomes = {**{call["id"]: unknown(call) for call in begun}, **state.get("outcomes", {})}
    answer_calls(conversation, {**state, "outcomes": outcomes, "error": "the turn was left before its end"})
    if conversation.messages and isinstance(conversation.messages[-1], HumanMessage):
        conversation.rewind(state["mark"])


def was_interrupted(memory: BaseCheckpointSaver[Any], config: RunnableConfig, runtime: Runtime[None]) -> bool:
    """Whether this task has begun before and waits for an answer to an `interrupt` of its own."""
    task = runtime.execution_info
    assert task is not None
    place = {
        "thread_id": config["configurable"]["thread_id"],
        "checkpoint_ns": task.checkpoint_ns.rpartition("|")[0],
        "checkpoint_id": task.checkpoint_id,
    }
    found = memory.get_tuple({"configurable": place})
    writes = found.pending_writes or [] if found else []
    return any(name == task.task_id and channel == INTERRUPT for name, channel, _ in writes)


def usage_metadata(completion: Completion) -> UsageMetadata:
    """The account of a completion in LangChain's words."""
    return UsageMetadata(
        input_tokens=completion.prompt_tokens,
        output_tokens=completion.generated_tokens,
        total_tokens=completion.prompt_tokens + completion.generated_tokens,
        input_token_details={"cache_read": completion.cached_tokens},
    )
