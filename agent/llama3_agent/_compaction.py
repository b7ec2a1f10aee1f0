"""Making room in a conversation that nears the model's window.

Old tool output goes first, then whole old turns, the oldest first in either case. The system message, tools
declared later and the present turn stay as they are, and so do the ids of all that is not cut.

Whatever is cut, all that comes after it has to be computed again. So a cut is large and rare: it goes down to
half of what fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage

from llama3_prompts import DECLARES

from . import _format
from .events import ContextCompacted

if TYPE_CHECKING:
    from ._conversation import Conversation

LEFT_OUT = "llama3_left_out"
"""Where a message that stands for what was cut says how much that was, in its ``additional_kwargs``:
characters of a tool result, or messages."""

KEEP = 0.5
"""How much of what fits a cut leaves.

Over 200 questions with calls in a window of 8,000 tokens, 924, 1,335 and 2,328 tokens were computed for each
with a quarter, a half and three quarters, and 4,407, 5,257 and 5,984 remembered: from a half on, what is
remembered longer costs more and more. To cut the newest instead of the oldest would leave 1,447 tokens before
the cut, not 593, and have 1,162 computed for each question: an eighth less, for what was said last.
"""


def compact(
    conversation: Conversation, mark: int, *, limit: int, window: int, files: Sequence[str] = ()
) -> ContextCompacted | None:
    """Cut a conversation that is longer than it may be down to half of that, or as far as it can be cut.

    Args:
        conversation: Is changed, unless it could not be answered even so.
        mark: The position at which the present turn begins.
        limit: The most tokens that it may have.
        window: As many tokens as cannot be answered at all.
        files: Names of the files that were attached in earlier turns.

    Returns:
        What was done; None if nothing was.
    """
    before = conversation.transcript.position
    if before <= limit:
        return None
    cut = _Cut(conversation, mark)
    excess = before - int(cut.fixed + KEEP * (limit - cut.fixed))
    cut.shorten_results(excess)
    dropped = cut.drop_turns(excess, files)
    if cut.saved <= 0 or before - cut.saved >= window:
        return None
    kept = conversation.ends[min(cut.changes) - 1]
    conversation.edit(cut.changes)
    shortened = sum(isinstance(message, ToolMessage) for message in cut.changes.values())
    return ContextCompacted(before, conversation.transcript.position, dropped, shortened, kept)


class _Cut:
    """What to change in a conversation.

    Attributes:
        changes: For `Transcript.edited`.
        saved: By how many tokens they make it shorter.
        fixed: Tokens of what stays in any case, the present turn apart.
    """

    def __init__(self, conversation: Conversation, mark: int) -> None:
        spans = conversation.transcript.spans
        self._codec = conversation.transcript.codec
        self._sizes = [span.end - span.start for span in spans if span.end <= mark]
        self._old = conversation.messages[: len(self._sizes)]
        self.changes: dict[int, BaseMessage | None] = {}
        self.saved = 0
        self.fixed = sum(self._sizes) - sum(self._sizes[index] for turn in self._turns() for index in turn)

    def shorten_results(self, excess: int) -> None:
        """Put notices in place of old tool results, until so many tokens are saved."""
        for index, message in enumerate(self._old):
            if self.saved >= excess:
                return
            if isinstance(message, ToolMessage) and LEFT_OUT not in message.additional_kwargs:
                text = _format.left_out(message.text)
                if self._size("ipython", text) <= self._sizes[index] // 2:  # or it is not worth computing
                    extra = {LEFT_OUT: len(message.text)}
                    change = {"content": text, "additional_kwargs": extra, "artifact": None}
                    self._change(index, message.model_copy(update=change), self._size("ipython", text))

    def drop_turns(self, excess: int, files: Sequence[str]) -> int:
        """Leave out old turns, until so many tokens are saved, and return how many messages that are.

        One notice stands for all that ever were.
        """
        gone: list[int] = []
        for turn in self._turns():
            if self.saved >= excess:
                break
            gone += turn
            for index in turn:
                self._change(index, None, 0)
        if gone:
            earlier = [index for index, message in enumerate(self._old) if _is_notice(message)]
            count = len(gone) + sum(self._old[index].additional_kwargs[LEFT_OUT] for index in earlier)
            text = _format.turns_left_out(count, files)
            notice = SystemMessage(text, additional_kwargs={LEFT_OUT: count})
            self._change(min([*earlier, *gone]), notice, self._size("system", text))
        return len(gone)

    def _turns(self) -> Iterator[list[int]]:
        """The indices of the messages of each old turn, without what stays in any case."""
        turn: list[int] = []
        for index, message in enumerate(self._old):
            if isinstance(message, SystemMessage) or DECLARES in message.additional_kwargs:
                continue
            if isinstance(message, HumanMessage) and turn:
                yield turn
                turn = []
            turn.append(index)
        if turn:
            yield turn

    def _change(self, index: int, message: BaseMessage | None, size: int) -> None:
        self.changes[index] = message
        self.saved += self._sizes[index] - size
        self._sizes[index] = size

    def _size(self, role: str, text: str) -> int:
        return len(self._codec.header(role)) + len(self._codec.encode(text)) + 1


def _is_notice(message: BaseMessage) -> bool:
    return isinstance(message, SystemMessage) and LEFT_OUT in message.additional_kwargs
