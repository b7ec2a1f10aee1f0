"""Conversations without what follows a call: more questions to understand in every thousand tokens.

Most of a conversation is spent on results and on answers that repeat them. Where a call is followed by its
result and an answer, a drill goes on with the next question. That makes a conversation a quarter shorter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from data import Example
from transformers import PreTrainedTokenizerFast
from world.table_turns import LOOK


@dataclass(frozen=True, slots=True)
class _Message:
    role: str
    body: str
    """Each token as the character with its number, which makes substrings of what are runs of tokens."""
    start: int
    end: int

    @property
    def body_start(self) -> int:
        return self.end - len(self.body)


class Drills:
    """Makes drills of encoded conversations.

    Args:
        tokenizer: The one that they were encoded with.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._header, self._header_end, self._call = (
            tokenizer.convert_tokens_to_ids(f"<|{name}|>")
            for name in ("start_header_id", "end_header_id", "python_tag")
        )
        roles = ("system", "user", "assistant", "ipython")
        self._roles = {tuple(tokenizer.encode(role, add_special_tokens=False)): role for role in roles}
        self._look = "".join(map(chr, tokenizer.encode(LOOK, add_special_tokens=False)))
        digits = "".join(chr(tokenizer.convert_tokens_to_ids(digit)) for digit in "0123456789")
        self._number = re.compile(f"[{re.escape(digits)}]{{2,}}")

    def __call__(self, example: Example) -> Example:
        """The conversation without results and answers that follow a call.

        Numbers that stood only there are not learned. A turn that asks for such an answer again is left out.
        """
        ids, learn = example[0], example[1].copy()
        messages = self._messages(ids)
        kept: list[_Message] = []
        gone: set[str] = set()
        at = 0
        while at < len(messages):
            if messages[at].role == "assistant" and messages[at].body in gone:
                kept.pop()
                at += 1
                continue
            kept.append(messages[at])
            if messages[at].role == "assistant":
                self._unlearn(kept, learn)
            if self._ends_in_answer(messages, at):
                gone.add(messages[at + 2].body)
                at += 2
            at += 1
        spans = np.concatenate([np.arange(message.start, message.end) for message in kept])
        return ids[spans], learn[spans]

    def _messages(self, ids: np.ndarray) -> list[_Message]:
        starts = [0, *np.flatnonzero(ids == self._header)[1:].tolist()]
        messages = []
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            tokens = ids[start:end].tolist()
            if self._header_end not in tokens:
                break  # the conversation was cut within a header
            head = tokens.index(self._header_end)
            name = tuple(tokens[tokens.index(self._header) + 1 : head])
            messages.append(_Message(self._roles[name], "".join(map(chr, tokens[head + 2 :])), start, end))
        return messages

    def _ends_in_answer(self, messages: list[_Message], at: int) -> bool:
        """Whether the message is a call whose result and answer nothing later leans on."""
        after = messages[at : at + 5]
        roles = [message.role for message in after]
        if roles[:3] != ["assistant", "ipython", "assistant"] or roles[3:4] == ["ipython"]:
            return False
        if roles[3:] == ["user", "assistant"] and not self._is_call(messages, at + 4):
            return False  # answered from what stands here
        # What a look at a file showed is what later questions are about.
        return not self._is_call(messages, at + 2) and self._look not in messages[at].body

    def _is_call(self, messages: list[_Message], at: int) -> bool:
        result = messages[at + 1 : at + 2]
        return messages[at].body.startswith(chr(self._call)) or bool(result and result[0].role == "ipython")

    def _unlearn(self, kept: list[_Message], learn: np.ndarray) -> None:
        """Do not learn the numbers of the last message that stand nowhere before it."""
        last = kept[-1]
        before = "\0".join(message.body for message in kept[:-1])
        for number in self._number.finditer(last.body):
            if number[0] not in before:
                learn[last.body_start + number.start() : last.body_start + number.end()] = False
