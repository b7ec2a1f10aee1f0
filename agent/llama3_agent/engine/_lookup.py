"""Guesses of what comes next, looked up in what stands before: answers copy what tools have returned.

Source: prompt lookup decoding, Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding.
"""

from __future__ import annotations

from collections.abc import Sequence

_KEY = 3
_LONGEST = 4
"""Tokens guessed at once: where weights are read slowly, five in a forward cost little more than one."""


class Lookup:
    """Remembers where each run of tokens was followed by what.

    Args:
        tokens: the prompt.
    """

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        self.extend(tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        """More tokens have come."""
        for token in tokens:
            if len(self._tokens) >= _KEY:
                self._after[tuple(self._tokens[-_KEY:])] = len(self._tokens)
            self._tokens.append(token)

    def draft(self) -> list[int]:
        """What followed the last few tokens where they stood before; nothing if they did not."""
        place = self._after.get(tuple(self._tokens[-_KEY:]))
        return [] if place is None else self._tokens[place : place + _LONGEST]
