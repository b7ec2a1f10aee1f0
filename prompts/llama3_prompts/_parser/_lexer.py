"""Cuts text in which control tokens are visible into pieces, wherever the chunks happen to end."""

from __future__ import annotations

from typing import Final

from llama3_prompts._codec import Piece, split_controls
from llama3_prompts._tokenizer import CONTROLS

_MARK: Final = "<"
_LONGEST: Final = max(len(name) for name in CONTROLS)
_PREFIXES: Final = frozenset(name[:i] for name in CONTROLS for i in range(1, len(name)))


class Lexer:
    """Holds back no more than the beginning of a control token's name."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, chunk: str) -> list[Piece]:
        """The pieces that are certain now."""
        text = self._held + chunk
        if _MARK not in text:
            return [Piece(text)] if text else []
        start = text.rfind(_MARK, max(0, len(text) - _LONGEST))
        cut = start if start >= 0 and text[start:] in _PREFIXES else len(text)
        self._held = text[cut:]
        return split_controls(text[:cut])

    def finish(self) -> list[Piece]:
        """What was held back, as the text it is."""
        held, self._held = self._held, ""
        return [Piece(held)] if held else []
