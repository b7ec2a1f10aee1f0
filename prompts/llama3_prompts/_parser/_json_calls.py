"""Calls as JSON: one object, or a list of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llama3_prompts._parser._brackets import Brackets
from llama3_prompts._parser._json import JsonStructure
from llama3_prompts._parser._json_reading import ARGUMENTS, KEYS, CallText, read, shapeless, unescape, why
from llama3_prompts._parser._outcome import Bad, Call, Outcome, cut_off
from llama3_prompts._parser._scanner import Place, Stream, Verdict

_OPENING: Final = "{"
_QUOTE: Final = "['\"“”‘’]?"
_MISQUOTED: Final = re.compile(
    rf"\{{\s*(?:{_QUOTE}type{_QUOTE}\s*:\s*{_QUOTE}function{_QUOTE}\s*,\s*)?"
    rf"{_QUOTE}(?:name|function){_QUOTE}\s*:\s*{_QUOTE}([\w.-]+){_QUOTE}\s*,"
)
_FIRST_KEY: Final = re.compile(
    rf"{_QUOTE}(?:t|ty|typ|n|na|nam|f|fu|fun|func|funct|functi|functio|(?:type|name|function){_QUOTE}\s{{0,8}}:?)?"
)


@dataclass(slots=True)
class _Object:
    start: int
    end: int | None = None
    key: str | None = None
    inner: str | None = None
    name: str | None = None
    arguments: int | None = None
    arguments_end: int | None = None
    depth: int = 0
    stream: Stream | None = None

    def current(self, level: int) -> str | None:
        """The key whose value is being read, `level` containers inside the object."""
        if level == 0:
            return self.key
        return self.inner if level == 1 and self.key == "function" else None

    def text(self, raw: str) -> CallText:
        inside = raw[self.arguments : self.arguments_end] if self.arguments is not None else None
        return CallText(self.name, raw[self.start : self.end], inside, certain=self.stream is not None)


class JsonCalls:
    """Follows ``{...}`` or ``[{...}, {...}]``.

    An object is a call when it has only a call's keys, the name of a tool, and an object of arguments. With
    the name known and the arguments begun it stays a call, though it may turn out a broken one. Where nothing
    else is said, a call whose arguments stand beside its name, or whose keys are not quoted as in JSON, is a
    broken one too.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.leftover = ""
        self._structure = JsonStructure()
        self._objects: list[_Object] = []
        self._streams: list[Stream] = []
        self._base = 1
        self._data = False
        self._stray = False
        self._broken = False
        self._quoted: Brackets | None = None
        self._first_key: str | None = None

    @property
    def committed(self) -> bool:
        return bool(self._streams)

    @property
    def streams(self) -> Sequence[Stream]:
        return self._streams

    def feed(self, char: str) -> Verdict:
        if self._quoted:
            return self._misquoted(self._quoted, char)
        verdict = self._structure.feed(char, self)
        if verdict is Verdict.FAIL and self._may_be_misquoted():
            self._quoted, self._first_key = Brackets(), ""
            self._quoted.feed(_OPENING)
            return self._misquoted(self._quoted, char)
        if verdict is Verdict.FAIL and self.committed:
            self._broken = True
            self._structure.loosen()
            return self._structure.feed(char, self)
        if self._data and verdict is Verdict.MORE and not (self.committed or self._place.tagged):
            return Verdict.DATA
        return verdict

    def skip(self, text: str, at: int) -> int:
        if self._first_key is not None:
            return at
        return self._quoted.skip(text, at) if self._quoted else self._structure.skip(text, at)

    def go_on(self, char: str) -> Verdict:
        """Takes a character of JSON that is data: FAIL where it is JSON no longer."""
        return self._structure.feed(char, self)

    def outcomes(self, raw: str) -> list[Outcome] | None:
        if self._quoted:
            return self._misquoted_call(raw)
        if self._broken:
            return self._broken_calls(raw, truncated=False)
        texts = [item.text(raw) for item in self._objects]
        found = [read(text, self._place.toolbox) for text in texts]
        if not self._is_call(found):
            return None
        items = [one or shapeless(text) for one, text in zip(found, texts, strict=True)]
        return [*items, shapeless(CallText(None, raw))] if self._stray else items

    def firm(self, outcomes: Sequence[Outcome]) -> bool:
        usable = any(isinstance(item, Call) or item.kind == "arguments" for item in outcomes)
        return self.committed or (usable and not self._place.tagged)

    def unfinished(self, raw: str, *, truncated: bool) -> list[Outcome] | None:
        if self._quoted:
            found = self._misquoted_call(raw)
            return found and [cut_off(found[0].name, raw, truncated=truncated)]
        if self.committed:
            return self._broken_calls(raw, truncated=truncated)
        name = self._objects[0].name if self._objects else None
        near = self._place.alone and self._known(name) and not self._data
        if near or (self._place.tagged and raw.startswith(_OPENING)):
            return [cut_off(name, raw, truncated=truncated)]
        return None

    def _may_be_misquoted(self) -> bool:
        first = len(self._objects) == 1 and self._objects[0].key is None
        return first and self._base == 1 and self._place.alone

    def _misquoted(self, quoted: Brackets, char: str) -> Verdict:
        """A first key that is not quoted as in JSON: followed as long as it may be a call's."""
        if self._first_key is not None:
            self._first_key += char
            if not _FIRST_KEY.fullmatch(self._first_key):
                return Verdict.FAIL
            if char == ":":
                self._first_key = None
        return quoted.feed(char)

    def _misquoted_call(self, raw: str) -> list[Outcome] | None:
        named = _MISQUOTED.match(raw)
        if named is None or not self._known(named[1]):
            return None
        return [Bad(named[1], raw, "malformed", why(raw))]

    def on_key(self, depth: int, key: str) -> None:
        if depth < self._base:
            return
        item = self._objects[-1]
        if depth == self._base:
            item.key = key
        elif depth == self._base + 1 and item.key == "function":
            item.inner = key
        else:
            return
        self._data |= key not in KEYS and item.stream is None and not self._misplaced(item, key)

    def on_open(self, depth: int, bracket: str, at: int) -> None:
        if depth == 1 and bracket != _OPENING:
            self._base = 2
        elif depth == self._base:
            self._objects.append(_Object(at))
            self._data |= bracket != _OPENING
        else:
            self._open_value(depth, bracket, at)

    def on_close(self, depth: int, end: int) -> None:
        if depth < self._base:
            return
        item = self._objects[-1]
        if depth == self._base:
            item.end = end
        elif depth == item.depth and item.arguments_end is None:
            item.arguments_end = end
            if item.stream:
                item.stream.end = end

    def on_scalar(self, depth: int, text: str | None) -> None:
        if depth < self._base:
            self._data = self._stray = True
            return
        item = self._objects[-1]
        key = item.current(depth - self._base)
        if key == "name" or (key == "function" and depth == self._base):
            self._data |= text is None
            self._named(item, text or "")
        elif key == "type" and item.stream is None:
            self._data |= text != "function"

    def _open_value(self, depth: int, bracket: str, at: int) -> None:
        item = self._objects[-1]
        key = item.current(depth - 1 - self._base)
        if key in ARGUMENTS:
            if bracket == _OPENING and item.arguments is None:
                item.arguments, item.depth = at, depth
                self._commit(item)
        elif key is not None and item.stream is None and not self._misplaced(item, key):
            self._data |= key != "function" or depth != self._base + 1 or bracket != _OPENING

    def _named(self, item: _Object, name: str) -> None:
        if item.stream:
            return  # it has been told of by the name that came first
        item.name = unescape(name)
        self._data |= not (self._place.alone or self._known(item.name))
        self._commit(item)

    def _commit(self, item: _Object) -> None:
        if self._data or item.stream or item.arguments is None or not self._known(item.name):
            return
        item.stream = Stream(len(self._objects) - 1, item.name or "", item.arguments, item.arguments_end)
        self._streams.append(item.stream)

    def _misplaced(self, item: _Object, key: str) -> bool:
        """Whether a key is an argument's name, where a call's keys are expected."""
        tool = self._place.toolbox.get(item.name) if item.name and self._place.alone else None
        return tool is not None and key in tool.parameters

    def _known(self, name: str | None) -> bool:
        return name is not None and self._place.toolbox.get(name) is not None

    def _is_call(self, found: Sequence[Outcome | None]) -> bool:
        if self.committed or any(item and self._known(item.name) for item in found):
            return True
        if self._place.tagged:
            return bool(found) and not self._stray
        whole = self._place.alone and not self._data and bool(found)
        pairs = zip(found, self._objects, strict=True)
        return whole and all(one or self._known(item.name) for one, item in pairs)

    def _broken_calls(self, raw: str, *, truncated: bool) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for item in self._objects:
            text = item.text(raw)
            if item.end is not None:
                outcomes.append(read(text, self._place.toolbox) or shapeless(text))
            elif not self._broken:
                outcomes.append(cut_off(item.name, text.source, truncated=truncated))
            else:
                outcomes.append(Bad(item.name, text.source, "malformed", why(text.source)))
        return outcomes + self._after_the_last(raw)

    def _after_the_last(self, raw: str) -> list[Outcome]:
        """What stands in a broken list after its last complete object: it is no call, but it is not lost."""
        end = self._objects[-1].end
        rest = raw[end:].strip(" \t\r\n,;]") if end is not None else ""
        return [shapeless(CallText(None, rest))] if rest else []
