"""`HiddenText`: a guard without a model, against text that people cannot see and models can."""

from __future__ import annotations

import re
import threading
from typing import Final

from ._types import Assessment, Place, Subject

_HIDDEN: Final = {
    "tags": re.compile(r"(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"),
    "override": re.compile(r"[\u202d\u202e][^\u202c\n]*"),
    "zero_width": re.compile(r"[\u200b-\u200d\u2060-\u2064\ufeff]{8,}"),
    "variation": re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}"),
}


class HiddenText:
    """Flags invisible characters that carry a message, or make text read otherwise than it runs.

    Those that honest text has are let pass: joiners inside words and emoji, flags, a byte order mark, marks
    of direction.
    """

    name = "hidden_text"
    places: frozenset[Place] = frozenset({"input", "tool"})

    def check(self, text: str) -> Assessment:
        """Judge a text; the categories are ``tags``, ``override``, ``zero_width`` and ``variation``."""
        found = {kind: match for kind, pattern in _HIDDEN.items() if (match := pattern.search(text))}
        if not found:
            return Assessment("visible", flagged=False)
        first = min(match.span() for match in found.values())
        kinds = tuple(found)
        detail = f"invisible characters that carry or turn text around ({', '.join(kinds)})"
        return Assessment("hidden", flagged=True, categories=kinds, span=first, detail=detail)

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Assessment:  # noqa: ARG002
        """Judge the text of a subject."""
        return self.check(subject.text)
