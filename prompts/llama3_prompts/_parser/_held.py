"""What has been read and is not decided yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llama3_prompts._parser._fence import is_fence
from llama3_prompts._parser._outcome import Outcome


@dataclass(frozen=True, slots=True)
class Undecided:
    """Calls if nothing but calls is in the message; otherwise the text, or the code, they look like."""

    raw: str
    outcomes: Sequence[Outcome]


class Held:
    """White space and separators between calls, the lines of fences, and calls that may yet be none."""

    def __init__(self) -> None:
        self._items: list[str | Undecided] = []

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, item: str | Undecided) -> None:
        """Something more to decide."""
        self._items.append(item)

    @property
    def last(self) -> str | Undecided:
        """What came last."""
        return self._items[-1]

    @property
    def undecided(self) -> bool:
        """Whether there may be calls in it."""
        return any(isinstance(item, Undecided) for item in self._items)

    @property
    def fenced(self) -> bool:
        """Whether the line that opened a fence is in it: no calls were what followed that line."""
        return any(isinstance(item, str) and is_fence(item) for item in self._items)

    @property
    def source(self) -> str:
        """All of it as it was written."""
        return "".join(item.raw if isinstance(item, Undecided) else item for item in self._items)

    @property
    def between(self) -> str:
        """What is between the calls."""
        return "".join(item for item in self._items if isinstance(item, str))

    def take(self) -> list[str | Undecided]:
        """All of it, which is then decided."""
        items, self._items = self._items, []
        return items
