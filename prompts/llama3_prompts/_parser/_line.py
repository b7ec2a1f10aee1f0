"""Where on its line a call would stand: words around it tell a call from the mention of one."""

from __future__ import annotations

import re
from typing import Final

_NO_CALL_AFTER: Final = re.compile(r"(?![\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff])\w|[`'\"“‘«「(\[{=!\\]")
"""Right before a bracket, this belongs to a word, a program or a quotation. Thai, Chinese and Japanese put no
space between words."""
_OPERATORS: Final = frozenset("=([{,|+")
"""The same with a space between: a program."""
_INTRODUCES: Final = frozenset(":.!?…。：！？")
"""After these a call may follow. After any other word it is perhaps only mentioned."""


class Line:
    """What has been said on the line that is being written."""

    def __init__(self) -> None:
        self._last = ""
        self._word = ""

    def add(self, text: str) -> None:
        """More was said."""
        self._last = text[-1]
        line = text.rpartition("\n")[2]
        self._word = line.rstrip()[-1:] or ("" if len(line) < len(text) else self._word)

    def end(self) -> None:
        """The line ended in what was not said: between calls."""
        self._word = ""

    def clear(self) -> None:
        """Nothing was said at all."""
        self._last = self._word = ""

    @property
    def begins(self) -> bool:
        """Whether it is at its very first character."""
        return self._last in ("", "\n")

    @property
    def blank(self) -> bool:
        """Whether it holds nothing but white space."""
        return not self._word

    @property
    def rules_out_calls(self) -> bool:
        """Whether a bracket that comes now belongs to something else."""
        return bool(_NO_CALL_AFTER.match(self._last)) or self._word in _OPERATORS

    @property
    def amid_words(self) -> bool:
        """Whether what comes now may be a mention: a call only if the line ends with it."""
        return not self.blank and self._word not in _INTRODUCES
