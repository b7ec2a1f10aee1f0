"""Making text from inside harmless to whoever reads it, a terminal first of all."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and the like: titles, clipboard, links
    r"|\x1b[ -/]*[0-~]"
)
_UNFINISHED = re.compile(r"(?:\r|\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]{0,4096}\x1b?|[ -/]*))\Z")
# C0 and C1 controls; marks that reorder or hide what people see, and tags, which hide what models read.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Remove terminal escapes, control and hidden characters; keep tabs and line ends.

    Lone surrogates, which no encoder takes, become U+FFFD.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return encodable(_HIDDEN.sub("", _ESCAPES.sub("", text)))


def encodable(text: str) -> str:
    """The text with what cannot be encoded replaced by U+FFFD."""
    return _LONE_SURROGATES.sub("\ufffd", text)


def one_line(text: str, limit: int) -> str:
    """`clean` text on one line, cut to `limit` characters."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


class Cleaner:
    """`clean` for text that comes in pieces: an escape that is cut in two is still one escape."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The clean text that can be given out so far."""
        text = self._held + text
        cut = _UNFINISHED.search(text)
        self._held = text[cut.start() :] if cut else ""
        return clean(text[: len(text) - len(self._held)])

    def finish(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return clean(held)
