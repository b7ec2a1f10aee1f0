"""Where a bracketed Python expression ends."""

from __future__ import annotations

import re
from typing import Final

from llama3_prompts._parser._scanner import Verdict

_PLAIN: Final = re.compile(r"[^'\"\\]+")
_CLOSER: Final = {"(": ")", "[": "]", "{": "}"}


class Brackets:
    """Finds where a bracketed Python expression ends: brackets must match, quotes hide them."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._quote = ""
        self._run = ""
        self._escaped = False

    def skip(self, text: str, at: int) -> int:
        """Takes, within a string, what stands before the next quote or escape; returns how far it came."""
        if self._escaped or not self._quote:
            return at
        run = _PLAIN.match(text, at)
        if run is None:
            return at
        self._run = ""
        return run.end()

    def feed(self, char: str) -> Verdict:
        """Takes a character, the opening bracket first."""
        if self._quote:
            self._in_string(char)
            return Verdict.MORE
        if char in "'\"":
            self._opening_quote(char)
            return Verdict.MORE
        self._end_run()
        if char in _CLOSER:
            self._stack.append(_CLOSER[char])
        elif char in ")]}":
            if self._stack[-1] != char:
                return Verdict.FAIL
            self._stack.pop()
        return Verdict.MORE if self._stack else Verdict.DONE

    def _opening_quote(self, char: str) -> None:
        # One quote opens; two are an empty string, unless a third follows.
        if self._run and self._run[0] != char:
            self._run = ""
        self._run += char
        if len(self._run) == 1:
            self._quote = char
        elif len(self._run) == 3:
            self._quote, self._run = self._run, ""

    def _end_run(self) -> None:
        self._run = ""

    def _in_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
            self._run = ""
        elif len(self._quote) == 1:
            self._short(char)
        else:
            self._run = self._run + char if char == self._quote[0] else ""
            if self._run == self._quote:
                self._quote = self._run = ""

    def _short(self, char: str) -> None:
        if char == self._quote:
            self._quote = ""
            self._run = char * 2 if self._run else ""
        else:
            self._run = ""
