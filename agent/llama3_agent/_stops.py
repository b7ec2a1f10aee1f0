"""Stop sequences: text that ends an answer and is no part of it."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Lets text through until one of the sequences comes.

    Args:
        sequences: Empty ones are ignored.
    """

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = [one for one in sequences if one]
        self._held = ""
        self.met = False

    def feed(self, text: str) -> str:
        """The text that can be no part of a sequence, as far as is known; nothing once one has come."""
        if self.met or not self._sequences:
            return "" if self.met else text
        self._held += text
        found = [at for one in self._sequences if (at := self._held.find(one)) >= 0]
        if found:
            self.met = True
            said, self._held = self._held[: min(found)], ""
            return said
        safe = len(self._held) - max(self._begun(one) for one in self._sequences)
        said, self._held = self._held[:safe], self._held[safe:]
        return said

    def finish(self) -> str:
        """The text that was held back because it could have become a sequence."""
        rest, self._held = self._held, ""
        return rest

    def _begun(self, sequence: str) -> int:
        """How many characters at the end of what is held are the beginning of a sequence."""
        most = min(len(sequence) - 1, len(self._held))
        return next((size for size in range(most, 0, -1) if self._held.endswith(sequence[:size])), 0)
