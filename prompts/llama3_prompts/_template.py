"""A checkpoint's own chat template, followed to the letter, while all content stays words."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from llama3_prompts._codec import Codec, split_controls
from llama3_prompts._system import MONTHS
from llama3_prompts._tokenizer import END_HEADER, START_HEADER, Tokenizer

_PRIVATE_USE: Final = range(0xE000, 0xF8FF)
_ASSISTANT: Final = f"{START_HEADER}assistant{END_HEADER}\n\n"
_FILLER: Final = "x"
_ROLES: Final = {"ipython": "tool"}
"""Roles that templates know by another word."""

Turn = Mapping[str, Any]
"""A message as templates take it: ``role`` and ``content``."""


@runtime_checkable
class TemplateTokenizer(Tokenizer, Protocol):
    """A tokenizer that carries a chat template."""

    @property
    def chat_template(self) -> str | None:
        """The template's source, None where there is none."""
        ...

    def apply_chat_template(self, conversation: Sequence[Turn], **options: Any) -> str:
        """The text of a conversation; ``tokenize=False`` is among the options."""
        ...


class ChatTemplate:
    """Renders one message at a time as the checkpoint's template would in its place.

    Each message is rendered behind a conversation as short as the template allows, so that the cost of one
    more does not grow with the history. What the model wrote is never rendered.

    Args:
        tokenizer: The checkpoint's own.
        codec: Of that tokenizer.
        schemas: The custom tools in OpenAI's function form.
        builtin_tools: What the template may name beside them, ``code_interpreter`` included.
        today: The date that the template may tell.

    Raises:
        ValueError: There is no template, or it does not frame messages as Llama 3 does.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        codec: Codec,
        *,
        schemas: Sequence[Mapping[str, Any]],
        builtin_tools: Sequence[str],
        today: datetime.date,
    ) -> None:
        if not isinstance(tokenizer, TemplateTokenizer) or not tokenizer.chat_template:
            raise ValueError("this tokenizer carries no chat template; leave template= at 'own'")
        self._tokenizer = tokenizer
        self._codec = codec
        names = sorted(codec.special_ids)
        # A fine-tune may have control tokens that look like words, "[PAD]" or "</s>".
        self._beginnings = re.compile(
            "|".join(["<(?=\\|)", *(f"{re.escape(name[0])}(?={re.escape(name[1:])})" for name in names)])
        )
        self.today = today
        self._options: dict[str, Any] = {
            "date_string": f"{today:%d} {MONTHS[today.month - 1][:3]} {today:%Y}"
        }
        if schemas:
            self._options["tools"] = list(schemas)
        if builtin_tools:
            self._options["builtin_tools"] = list(builtin_tools)
        opening = self._render([_turn("system"), _turn("user")], add_generation_prompt=True)
        if not opening.endswith(_ASSISTANT):
            raise ValueError("the tokenizer's chat template does not open an answer as Llama 3 does")

    def opening(self, instructions: str) -> list[int]:
        """The ids before the first user message: ``<|begin_of_text|>`` and the system message."""
        return self._encode([_turn("system", instructions), _turn("user")], 0)

    def message(self, role: str, text: str, *, images: int, first: bool) -> list[int]:
        """The ids of one more message.

        Args:
            role: "system", "user" or "ipython".
            text: What it says.
            images: How many images come before the text.
            first: Whether nobody has asked anything yet: the first question may have to declare the tools.
        """
        parts = [*[{"type": "image"}] * images, {"type": "text", "text": text}]
        before = [_turn("system"), *([] if first else [_turn("user"), _turn("assistant")])]
        return self._encode([*before, _turn(_ROLES.get(role, role), parts if images else text)], len(before))

    def _encode(self, turns: Sequence[Turn], index: int) -> list[int]:
        mark = _unused_character([turns, self._options])
        blocks = self._render(turns, mark).split(START_HEADER)
        if len(blocks) != len(turns) + 1:
            raise ValueError(
                "the tokenizer's chat template does not write one block a message; leave template= at 'own'"
            )
        head = blocks[0] if index == 0 else ""
        ids: list[int] = []
        for piece in split_controls(head + START_HEADER + blocks[index + 1], self._codec.special_ids):
            text = piece.text.replace(mark, "")
            ids += [self._codec.special(text)] if piece.special else self._codec.encode(text)
        return ids

    def _render(self, turns: Sequence[Turn], mark: str = "", **options: Any) -> str:
        """The template's text, with ``mark`` within whatever in content could be a control token."""
        settings = {**self._marked(self._options, mark), **options}
        try:
            return self._tokenizer.apply_chat_template(self._marked(turns, mark), tokenize=False, **settings)
        except Exception as error:
            raise ValueError(
                f"the tokenizer's chat template refuses this conversation ({error}); leave template= at 'own'"
            ) from error

    def _marked(self, value: Any, mark: str) -> Any:
        if isinstance(value, str):
            return self._beginnings.sub(lambda found: found[0] + mark, value)
        if isinstance(value, Mapping):
            return {self._marked(key, mark): self._marked(item, mark) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._marked(item, mark) for item in value]
        return value


def _turn(role: str, content: Any = _FILLER) -> Turn:
    return {"role": role, "content": content}


def _unused_character(value: Any) -> str:
    """A character of Unicode's private use area that occurs nowhere in the value."""
    used = set(json.dumps(value, ensure_ascii=False, default=str))
    return next(chr(code) for code in _PRIVATE_USE if chr(code) not in used)
