"""Python-like calls: plain values read by a small reader of our own, so that nothing is ever evaluated."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

from llama3_prompts._parser._json import MAX_DEPTH

_SPACE: Final = re.compile(r"\s*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLAIN: Final = re.compile(r"[^\\'\"]+")
_WORDS: Final = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}
_ESCAPES: Final = {
    **{"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"},
    **{"\\": "\\", "'": "'", '"': '"', "/": "/", "\n": ""},
}
_OCTAL: Final = re.compile("[0-7]{1,3}")
_CHARACTER: Final = re.compile(r"N\{([^{}]{1,100})\}")
_HEX: Final = {"x": 2, "u": 4, "U": 8}
_MAX_DIGITS: Final = 4000


class NotPlainError(ValueError):
    """The source holds something else than plain values."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call, in the order written."""

    positional: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)


def read_arguments(source: str) -> Arguments:
    """The arguments between a call's parentheses.

    Args:
        source: Such as ``city="Paris", days=3``. Values are strings, numbers, lists, dictionaries, tuples,
            ``True``/``true``, ``False``/``false`` and ``None``/``null``.

    Raises:
        NotPlainError: There is anything else, an operator, a name or a call.
    """
    reader = _Reader(source)
    arguments = Arguments()
    while not reader.at_end():
        name = reader.keyword()
        value = reader.value(0)
        if name is None and arguments.named:
            raise NotPlainError("an argument without a name follows named ones")
        if name is None:
            arguments.positional.append(value)
        elif name in arguments.named:
            raise NotPlainError(f"the argument {name!r} is given twice")
        else:
            arguments.named[name] = value
        if not reader.take(",") and not reader.at_end():
            raise NotPlainError(f"a plain value is expected at character {reader.at}")
    return arguments


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self.at = 0

    def at_end(self) -> bool:
        self._skip()
        return self.at == len(self._source)

    def take(self, text: str) -> bool:
        self._skip()
        if not self._source.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def keyword(self) -> str | None:
        """The name before a ``=``, if there is one here."""
        self._skip()
        start = self.at
        match = _NAME.match(self._source, start)
        if match:
            self.at = match.end()
            if self.take("=") and not self._source.startswith("=", self.at):
                return match.group()
        self.at = start
        return None

    def value(self, depth: int) -> Any:
        self._skip()
        if depth > MAX_DEPTH:
            raise NotPlainError("the values are nested too deeply")
        char = self._source[self.at : self.at + 1]
        if char in ("'", '"'):
            return self._string(char)
        if char in ("[", "("):
            self.at += 1
            return self._list("]" if char == "[" else ")", depth)
        if char == "{":
            self.at += 1
            return self._dict(depth)
        return self._word()

    def _skip(self) -> None:
        match = _SPACE.match(self._source, self.at)
        self.at = match.end() if match else self.at

    def _list(self, closer: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not self.take(closer):
            items.append(self.value(depth + 1))
            self._separator(closer)
        return items

    def _dict(self, depth: int) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not self.take("}"):
            key = self.value(depth + 1)
            if not isinstance(key, str) or not self.take(":"):
                raise NotPlainError(f"a quoted key and a colon are expected at character {self.at}")
            items[key] = self.value(depth + 1)
            self._separator("}")
        return items

    def _separator(self, closer: str) -> None:
        self._skip()
        if not self.take(",") and not self._source.startswith(closer, self.at):
            raise NotPlainError(f"a plain value is expected at character {self.at}")

    def _word(self) -> Any:
        match = _NAME.match(self._source, self.at)
        if match and match.group() in _WORDS:
            self.at = match.end()
            return _WORDS[match.group()]
        number = _NUMBER.match(self._source, self.at)
        if number is None:
            raise NotPlainError(f"a plain value is expected at character {self.at}")
        self.at = number.end()
        return _number(number.group())

    def _string(self, quote: str) -> str:
        if self._source.startswith(quote * 3, self.at):
            quote *= 3
        self.at += len(quote)
        parts: list[str] = []
        while not self._source.startswith(quote, self.at):
            plain = _PLAIN.match(self._source, self.at)
            if plain:
                parts.append(plain.group())
                self.at = plain.end()
            elif self.at >= len(self._source):
                raise NotPlainError("a quote is not closed")
            else:
                parts.append(self._escape() if self._source[self.at] == "\\" else self._one())
        self.at += len(quote)
        return "".join(parts)

    def _one(self) -> str:
        self.at += 1
        return self._source[self.at - 1]

    def _escape(self) -> str:
        self.at += 1
        named = _CHARACTER.match(self._source, self.at)
        octal = _OCTAL.match(self._source, self.at)
        if named:
            self.at = named.end()
            return _by_name(named[1])
        if octal:
            self.at = octal.end()
            return chr(int(octal[0], 8))
        kind = self._source[self.at : self.at + 1]
        self.at += 1
        digits = _HEX.get(kind)
        if digits is None:
            return _ESCAPES.get(kind, "\\" + kind)
        text = self._source[self.at : self.at + digits]
        self.at += digits
        if len(text) < digits or not all(char in "0123456789abcdefABCDEF" for char in text):
            raise NotPlainError(f"the escape \\{kind}{text} is not complete")
        if int(text, 16) > 0x10FFFF:
            raise NotPlainError(f"there is no character \\{kind}{text}")
        return chr(int(text, 16))


def _by_name(name: str) -> str:
    try:
        return unicodedata.lookup(name)
    except KeyError:
        raise NotPlainError(f"there is no character \\N{{{name}}}") from None


def _number(text: str) -> int | float:
    if len(text) > _MAX_DIGITS:
        raise NotPlainError("a number is too long")
    if text.lstrip("+-").isdigit():
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise NotPlainError("a number is too large")
    return value
