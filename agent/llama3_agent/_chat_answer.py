"""One request of `ChatLlama`: from a transcript to a message, with chunks on the way."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk

from llama3_prompts import Grammar, StreamDecoder, TextDelta, ToolCallDelta, Transcript

from ._dialogue import IDS
from ._steps import usage_metadata
from ._stops import Stops
from .engine import Completion, Sampling

if TYPE_CHECKING:
    from ._chat_llama import ChatLlama
    from ._chat_sessions import SessionNames


class Answer:
    """One request: from a transcript to a message, with chunks on the way."""

    def __init__(
        self,
        model: ChatLlama,
        sessions: SessionNames,
        transcript: Transcript,
        grammar: Grammar | None,
        *,
        stop: Sequence[str],
        sampling: Sampling,
        cancel: threading.Event,
    ) -> None:
        self._model, self._sessions = model, sessions
        self._transcript, self._grammar = transcript, grammar
        self._sampling, self._cancel = sampling, cancel
        self._stops = Stops(stop)
        self._decoder, self._parser = StreamDecoder(transcript.codec), transcript.parser()
        self._started = 0
        self._calls_before = max([0, *map(_number, _calls_in(transcript.messages))])
        self._text: list[str] = []

    def run(self, say: Callable[[BaseMessage], None]) -> AIMessage:
        """Generate, tell each chunk, and return the message that they add up to.

        Raises:
            TimeoutError: It took longer than the model's ``timeout``.
        """
        self._say = say
        late = threading.Event()

        def run_out() -> None:
            late.set()
            self._cancel.set()

        timer = _timer(self._model.timeout, run_out)
        try:
            with self._sessions.one() as session:
                completion = self._model.llama.complete(
                    self._transcript.open_assistant(),
                    session=session,
                    sampling=self._sampling,
                    on_token=self._on_token,
                    cancel=self._cancel,
                    grammar=self._grammar,
                    tenant=self._model.tenant,
                )
        finally:
            timer.cancel()
        if late.is_set() and completion.finish == "cancelled":
            raise TimeoutError(f"no answer within {self._model.timeout:g} s; allow more (timeout)")
        self._tell(self._parser.end(truncated=completion.finish == "length")[0])
        self._speak(self._stops.finish())
        return self._end(completion)

    def _on_token(self, token: int) -> None:
        for piece in self._decoder.feed_piece(token):
            self._tell(self._parser.feed(piece))
        if self._stops.met:
            self._cancel.set()

    def _tell(self, shown: Sequence[TextDelta | ToolCallDelta]) -> None:
        for event in shown:
            if isinstance(event, TextDelta):
                self._speak(self._stops.feed(event.text))
            elif event.name is not None:
                # The arguments follow once they can be read: half a call must not look like a whole one.
                self._started += 1
                self._say(_call_chunk(event.index, self._call_id(event.index), event.name, ""))

    def _call_id(self, index: int) -> str:
        return f"call_{self._calls_before + 1 + index}"

    def _speak(self, text: str) -> None:
        if text:
            self._text.append(text)
            self._say(AIMessageChunk(content=text))

    def _end(self, completion: Completion) -> AIMessage:
        generated = self._transcript.add_generated(completion.ids, usage=usage_metadata(completion))
        stopped = self._stops.met
        calls = [] if stopped else sorted(_calls_in([generated]), key=_number)
        for index, call in enumerate(calls):
            call["id"] = self._call_id(index)
        message = AIMessage(
            content="".join(self._text) if stopped else generated.content,
            tool_calls=[call for call in calls if "error" not in call],
            invalid_tool_calls=[call for call in calls if "error" in call],
            usage_metadata=generated.usage_metadata,
            response_metadata={
                "model_name": self._model.model_name,
                "finish_reason": _finish_reason(completion, message=generated, stopped=stopped),
            },
            additional_kwargs={} if stopped else {IDS: list(completion.ids)},
        )
        for index, call in enumerate(calls):
            # LangChain reads the arguments once more, and mends what it can: an error must not be mended.
            wrong = f"{call['error']}: {call['args']}" if "error" in call else None
            text = wrong or json.dumps(call["args"], ensure_ascii=False)
            told = index < self._started
            self._say(_call_chunk(index, None if told else call["id"], None if told else call["name"], text))
        self._say(
            AIMessageChunk(
                content="",
                usage_metadata=message.usage_metadata,
                response_metadata=message.response_metadata,
                additional_kwargs=message.additional_kwargs,
                chunk_position="last",
            )
        )
        return message


def from_thread(
    work: Callable[[Callable[[BaseMessage], None]], AIMessage], cancel: threading.Event
) -> Iterator[BaseMessage]:
    """What a function says while it works in a thread; it is stopped when nobody listens any more."""
    said: queue.SimpleQueue[BaseMessage | None] = queue.SimpleQueue()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="chat-llama") as pool:
        done = pool.submit(work, said.put)
        done.add_done_callback(lambda _: said.put(None))
        try:
            while (message := said.get()) is not None:
                yield message
            done.result()
        finally:
            cancel.set()


def _finish_reason(completion: Completion, *, message: AIMessage, stopped: bool) -> str:
    if stopped:
        return "stop"
    if completion.finish == "stop" and (message.tool_calls or message.invalid_tool_calls):
        return "tool_calls"
    return completion.finish


def _call_chunk(index: int, call_id: str | None, name: str | None, args: str) -> AIMessageChunk:
    chunk: ToolCallChunk = tool_call_chunk(name=name, args=args, id=call_id, index=index)
    return AIMessageChunk(content="", tool_call_chunks=[chunk])


def _calls_in(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """The calls of messages, readable or not; these have an "error"."""
    return [
        dict(call)
        for message in messages
        if isinstance(message, AIMessage)
        for call in (*message.tool_calls, *message.invalid_tool_calls)
    ]


def _number(call: Mapping[str, Any]) -> int:
    digits = str(call["id"] or "").rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0


def _timer(seconds: float | None, action: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds or 0, action)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    return timer
