"""The message under construction: its text, its calls, and the events that told of them."""

from __future__ import annotations

from typing import Any, Final

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall

from llama3_prompts._parser._outcome import Bad, Call, Outcome
from llama3_prompts.events import Event, TextDelta, ToolCallDelta

_MIXED: Final = "a call and code were written as one; write the call alone, or nothing but code"


class MessageBuilder:
    """Collects what the parser decided.

    Args:
        first_call: The number of the first call's id.
    """

    def __init__(self, first_call: int) -> None:
        self._first_call = first_call
        self._text: list[str] = []
        self._outcomes: list[Outcome] = []
        self._shown: set[int] = set()
        self._events: list[Event] = []
        self._fresh: list[str] = []

    @property
    def calls(self) -> int:
        """The number of calls so far; the index of the next one."""
        return len(self._outcomes)

    def take_events(self) -> list[Event]:
        """The events since the last time."""
        self._end_text()
        events, self._events = self._events, []
        return events

    def add_text(self, text: str) -> None:
        """More text for people."""
        if text:
            self._text.append(text)
            self._fresh.append(text)

    def add_slice(self, index: int, name: str, source: str) -> None:
        """Tells of the next slice of a call's arguments."""
        first = index not in self._shown
        if first or source:
            self._tell(ToolCallDelta(index, name if first else None, source))
            self._shown.add(index)

    def add(self, outcome: Outcome) -> None:
        """A call is decided; it is told of now unless it was before."""
        if self.calls not in self._shown:
            self._tell(ToolCallDelta(self.calls, outcome.name, outcome.raw))
            self._shown.add(self.calls)
        self._outcomes.append(outcome)

    def spoil(self, first: int, rest: str) -> None:
        """The calls from `first` on, and the `rest` after them, turn out to be one program."""
        for number, item in enumerate(self._outcomes[first:], first):
            raw = item.raw + (rest if number == self.calls - 1 else "")
            self._outcomes[number] = Bad(item.name, raw, "malformed", _MIXED)
        self._tell(ToolCallDelta(self.calls - 1, None, rest))

    def message(self, *, truncated: bool) -> AIMessage:
        """The finished message."""
        good: list[ToolCall] = []
        bad: list[InvalidToolCall] = []
        for number, item in enumerate(self._outcomes, self._first_call):
            if isinstance(item, Call):
                good.append(ToolCall(name=item.name, args=item.args, id=f"call_{number}", type="tool_call"))
                continue
            bad.append(
                InvalidToolCall(
                    name=item.name,
                    args=item.raw,
                    id=f"call_{number}",
                    error=item.message,
                    type="invalid_tool_call",
                )
            )
        return AIMessage(
            content="".join(self._text),
            tool_calls=good,
            invalid_tool_calls=bad,
            response_metadata=self._metadata(truncated),
        )

    def _tell(self, delta: ToolCallDelta) -> None:
        self._end_text()
        self._events.append(delta)

    def _end_text(self) -> None:
        if self._fresh:
            self._events.append(TextDelta("".join(self._fresh)))
            self._fresh = []

    def _metadata(self, truncated: bool) -> dict[str, Any]:
        kinds = {
            f"call_{number}": item.kind
            for number, item in enumerate(self._outcomes, self._first_call)
            if isinstance(item, Bad)
        }
        return ({"truncated": True} if truncated else {}) | ({"invalid_kinds": kinds} if kinds else {})
