"""A conversation as a checkpoint keeps it: a log of what was added, with the living transcript beside it.

A checkpoint that holds the whole conversation grows with every step. So each step adds one `Segment` to a
log, a checkpointer stores that segment alone, and the conversation is the fold of them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from langchain_core.messages import AIMessage, BaseMessage, messages_to_dict
from langchain_core.messages.ai import UsageMetadata

from llama3_prompts import DECLARES, Transcript

_LISTS = ("ids", "spans", "messages", "calls")
"""What of a transcript's state grows."""


class Segment(TypedDict):
    """What one step did to a conversation.

    Attributes:
        keep: How many of the messages before it stay.
        ids: The token ids after them.
        ends: Where each of the new messages ends, counted from the beginning of the conversation.
        messages: The new messages, as LangChain writes them down.
        calls: How many calls have been numbered so far.
        opening: Where it is new, what else `Transcript.to_state` says: at the beginning, and when tools have
            come or gone; else None.
        head: A hash of everything up to here; two logs with the same one hold the same conversation.
    """

    keep: int
    ids: list[int]
    ends: list[int]
    messages: list[dict[str, Any]]
    calls: int
    opening: dict[str, Any] | None
    head: str


Log = list[Segment]


def extended(log: Log, written: Sequence[Log]) -> Log:
    """The log with more segments at its end, less those of which nothing is left: LangGraph's reducer."""
    log = list(log)
    for segment in (one for segments in written for one in segments):
        opening = segment["opening"]
        while log and log[-1]["keep"] >= segment["keep"]:
            opening = opening or log[-1]["opening"]
            log.pop()
        log.append({**segment, "opening": opening})
    return log


class Conversation:
    """A transcript that knows what was added to it since it was last written down.

    Args:
        transcript: The transcript, from now on changed through this object alone.
        log: What is written down of it.
    """

    def __init__(self, transcript: Transcript, log: Log) -> None:
        self.transcript = transcript
        self.messages: list[BaseMessage] = transcript.messages
        self._ends = [span.end for span in transcript.spans]
        self._kept = len(self._ends) if log else 0
        self._calls = log[-1]["calls"] if log else 0
        self._head = log[-1]["head"] if log else ""
        self._told = transcript.tools if log else None

    @classmethod
    def read(cls, log: Log, tokenizer: Any, tools: Sequence[Any]) -> Conversation:
        """The conversation that a log describes.

        Raises:
            ValueError: It was written with another tokenizer, or by another version.
        """
        return cls(Transcript.from_state(tokenizer, fold(log), tools=tools), log)

    @property
    def head(self) -> str:
        """The hash of what has been written down."""
        return self._head

    @property
    def ends(self) -> tuple[int, ...]:
        """Where each message ends in the ids."""
        return tuple(self._ends)

    @property
    def said(self) -> list[BaseMessage]:
        """The messages without those that only declare tools, which nobody said."""
        return [message for message in self.messages if DECLARES not in message.additional_kwargs]

    def append(self, message: BaseMessage) -> None:
        """Add a message that the model did not write."""
        self.transcript.append(message)
        self._note()

    def add_tools(self, tools: Sequence[Any]) -> None:
        """Offer more tools from here on; see `Transcript.add_tools`."""
        self.transcript.add_tools(tools)
        self._note()

    def add_generated(self, ids: Sequence[int], usage: UsageMetadata) -> AIMessage:
        """Add what the model wrote, exactly as it came, and return it as read."""
        message = self.transcript.add_generated(ids, usage=usage)
        self._note()
        self._calls = max([self._calls, *map(_number, _call_ids(message))])
        return message

    def rewind(self, position: int) -> None:
        """Forget everything after a position; see `Transcript.rewind`."""
        self.transcript.rewind(position)
        while self._ends and self._ends[-1] > position:
            del self._ends[-1], self.messages[-1]
        self._kept = min(self._kept, len(self._ends))

    def edit(self, changes: Mapping[int, BaseMessage | None]) -> None:
        """Put other messages, or none, in the place of some; see `Transcript.edited`."""
        self.transcript = self.transcript.edited(changes)
        self.messages = self.transcript.messages
        self._ends = [span.end for span in self.transcript.spans]
        self._kept = min(self._kept, *changes)

    def write(self) -> Log:
        """What was done since the last time, for the log."""
        kept, start = self._kept, self._ends[self._kept - 1] if self._kept else 0
        ids, tools = list(self.transcript.ids[start:]), self.transcript.tools
        segment = Segment(
            keep=kept,
            ids=ids,
            ends=self._ends[kept:],
            messages=messages_to_dict(self.messages[kept:]),
            calls=self._calls,
            opening=None if tools == self._told else _opening_of(self.transcript),
            head=hashlib.sha256(f"{self._head} {kept} {ids}".encode()).hexdigest()[:32],
        )
        self._head, self._kept, self._told = segment["head"], len(self._ends), tools
        return [segment]

    def _note(self) -> None:
        self.messages.append(self.transcript.last)
        self._ends.append(self.transcript.position)


def fold(log: Log) -> dict[str, Any]:
    """The state of a transcript that a log adds up to; see `Transcript.from_state`."""
    ids: list[int] = []
    ends: list[int] = []
    messages: list[dict[str, Any]] = []
    opening: Mapping[str, Any] = {}
    for segment in log:
        opening = segment["opening"] or opening
        del ends[segment["keep"] :], messages[segment["keep"] :]
        del ids[ends[-1] if ends else 0 :]
        ids += segment["ids"]
        ends += segment["ends"]
        messages += segment["messages"]
    spans = [list(span) for span in zip([0, *ends[:-1]], ends, strict=True)]
    return {**opening, "ids": ids, "spans": spans, "messages": messages, "calls": log[-1]["calls"]}


def offered(log: Log) -> list[str]:
    """The names of the custom tools that the model of a conversation has been told of."""
    opening = next(segment["opening"] for segment in reversed(log) if segment["opening"])
    return [schema["function"]["name"] for schema in opening["toolbox"]["tools"]]


def _opening_of(transcript: Transcript) -> dict[str, Any]:
    return {key: value for key, value in transcript.to_state().items() if key not in _LISTS}


def _call_ids(message: AIMessage) -> Iterable[str]:
    return (call["id"] or "" for call in (*message.tool_calls, *message.invalid_tool_calls))


def _number(call_id: str) -> int:
    digits = call_id.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0
