"""The structure of JSON, followed a character at a time."""

from __future__ import annotations

import re
from typing import Final, Protocol

from llama3_prompts._parser._scanner import Verdict

MAX_DEPTH: Final = 64
_PLAIN: Final = re.compile(r'[^"\\]+')
_SPACE: Final = " \t\r\n"
_CLOSER: Final = {"{": "}", "[": "]"}
_ATOM: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_ATOM_START: Final = frozenset("-0123456789tfn")
_ATOM_CHARS: Final = frozenset("+-.0123456789eEtrufalsn")


class Listener(Protocol):
    """Hears of the parts as they appear. `depth` counts the containers, `at` and `end` the characters."""

    def on_key(self, depth: int, key: str) -> None:
        """A key of an object is complete."""

    def on_open(self, depth: int, bracket: str, at: int) -> None:
        """A container, the `depth`-th, begins."""

    def on_close(self, depth: int, end: int) -> None:
        """The `depth`-th container is complete."""

    def on_scalar(self, depth: int, text: str | None) -> None:
        """A value that is no container is complete; its source between the quotes, None for a bare one."""


class JsonStructure:
    """Follows one JSON object or array and tells a listener of its parts.

    Structure is checked as strictly as a decoder would, except that strings may hold raw line breaks, and
    that the objects of a list may be separated by semicolons or not at all. The depth is bounded. After
    `loosen` only brackets and quotes are watched, to find where broken JSON ends.
    """

    def __init__(self) -> None:
        self.position = 0
        self._stack: list[str] = []
        self._expect = "value"
        self._text: list[str] = []
        self._escaped = False
        self._loose = False

    def loosen(self) -> None:
        """From here on accepts anything, up to the closing bracket."""
        self._loose = True
        if self._expect not in ("string", "key"):
            self._expect = "after"

    def skip(self, text: str, at: int) -> int:
        """Takes, within a string, what stands before its next quote or escape; returns how far it came."""
        if self._escaped or self._expect not in ("string", "key"):
            return at
        run = _PLAIN.match(text, at)
        if run is None:
            return at
        self._text.append(run.group())
        self.position += run.end() - at
        return run.end()

    def feed(self, char: str, listener: Listener) -> Verdict:
        """Takes a character. FAIL means that the text with it is no JSON; the state is then as before."""
        if self._expect in ("string", "key"):
            verdict = self._in_string(char, listener)
        elif self._loose:
            verdict = self._loosely(char)
        else:
            verdict = self._between(char, listener)
        if verdict is not Verdict.FAIL:
            self.position += 1
        return verdict

    def _in_string(self, char: str, listener: Listener) -> Verdict:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._end_string(listener)
            return Verdict.MORE
        self._text.append(char)
        return Verdict.MORE

    def _end_string(self, listener: Listener) -> None:
        text = "".join(self._text)
        self._text.clear()
        if self._loose:
            self._expect = "after"
        elif self._expect == "key":
            self._expect = "colon"
            listener.on_key(len(self._stack), text)
        else:
            self._expect = "after"
            listener.on_scalar(len(self._stack), text)

    def _loosely(self, char: str) -> Verdict:
        if char == '"':
            self._expect = "string"
        elif char in _CLOSER:
            self._stack.append(char)
        elif char in "]}":
            self._stack.pop()
        return Verdict.MORE if self._stack else Verdict.DONE

    def _between(self, char: str, listener: Listener) -> Verdict:
        if self._expect == "atom":
            if char in _ATOM_CHARS:
                self._text.append(char)
                return Verdict.MORE
            if not self._end_atom(listener):
                return Verdict.FAIL
        if char in _SPACE:
            return Verdict.MORE
        if char in "]}":
            return self._close(char, listener)
        if self._expect == "colon":
            return self._step(char == ":", "value")
        if self._expect == "after":
            if self._stack == ["["] and char in ";{":
                return self._next_in_list(char, listener)
            return self._step(char == ",", "name" if self._stack[-1] == "{" else "value")
        if self._expect in ("name", "first name"):
            return self._step(char == '"', "key")
        return self._value(char, listener)

    def _next_in_list(self, char: str, listener: Listener) -> Verdict:
        """In a list of objects, what models put for a comma: a semicolon, or nothing at all."""
        self._expect = "value"
        return Verdict.MORE if char == ";" else self._value(char, listener)

    def _step(self, right: bool, following: str) -> Verdict:
        if not right:
            return Verdict.FAIL
        self._expect = following
        return Verdict.MORE

    def _value(self, char: str, listener: Listener) -> Verdict:
        if char in _CLOSER:
            if len(self._stack) == MAX_DEPTH:
                return Verdict.FAIL
            self._stack.append(char)
            self._expect = "first name" if char == "{" else "first value"
            listener.on_open(len(self._stack), char, self.position)
            return Verdict.MORE
        if char in _ATOM_START:
            self._text.append(char)
            return self._step(True, "atom")
        return self._step(char == '"', "string")

    def _end_atom(self, listener: Listener) -> bool:
        if not _ATOM.fullmatch("".join(self._text)):
            return False
        self._text.clear()
        self._expect = "after"
        listener.on_scalar(len(self._stack), None)
        return True

    def _close(self, char: str, listener: Listener) -> Verdict:
        if self._expect not in ("after", "first name", "first value") or _CLOSER[self._stack[-1]] != char:
            return Verdict.FAIL
        listener.on_close(len(self._stack), self.position + 1)
        self._stack.pop()
        self._expect = "after"
        return Verdict.MORE if self._stack else Verdict.DONE
