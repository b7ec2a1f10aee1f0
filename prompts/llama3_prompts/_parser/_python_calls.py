"""Calls that look like Python: ``[f(a=1), g("x")]``, and ``brave_search.call(query="...")``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from llama3_prompts._parser._brackets import Brackets
from llama3_prompts._parser._literals import Arguments, NotPlainError, read_arguments
from llama3_prompts._parser._outcome import Bad, Outcome, bind, cut_off
from llama3_prompts._parser._scanner import Place, Stream, Verdict
from llama3_prompts._toolbox import Tool, Toolbox

_IN_EARNEST: Final = re.compile(r"""\s*(?:\w{1,64}\s{0,8}=(?!=)[^=]|['"\[{)]|-?\d|(?:True|False|None)[,)])""")
_BEGINS: Final = re.compile(r"\s*(?:-|\w{1,64}\s{0,8}=?)?")
_HOW_LIST: Final = "write [name(argument=value), name(argument=value)] and nothing else"
_HOW: Final = 'write plain values only, like name(city="Paris", days=3)'


class Opening:
    """The first characters of arguments: those of a call in earnest, or variables as in code and in prose."""

    def __init__(self) -> None:
        self._read: str | None = ""

    def feed(self, char: str) -> bool:
        """Whether with this character it is a call in earnest. True only once."""
        if self._read is None:
            return False
        self._read += char
        earnest = _IN_EARNEST.match(self._read) is not None
        if earnest or not _BEGINS.fullmatch(self._read):
            self._read = None
        return earnest


class PythonCalls:
    """Follows ``[name(...), name(...)]``.

    Where the message begins with it, outside code, it is a list of calls from the first parenthesis of a tool
    on, though it may turn out a broken one. Elsewhere anything else in the brackets makes it prose, or code.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.leftover = ""
        self._position = 0
        self._state = "open"
        self._name: list[str] = []
        self._brackets = Brackets()
        self._calls: list[tuple[str, int, int]] = []
        self._start = 0
        self._streams: list[Stream] = []
        self._opening: Opening | None = None

    @property
    def committed(self) -> bool:
        return bool(self._streams)

    @property
    def streams(self) -> Sequence[Stream]:
        return self._streams

    def feed(self, char: str) -> Verdict:
        verdict = self._step(char)
        if verdict is Verdict.FAIL and self.committed:
            self._break()
            verdict = self._step(char)
        self._position += verdict not in (Verdict.FAIL, Verdict.END)
        return verdict

    def _step(self, char: str) -> Verdict:
        if self._state == "broken":
            return Verdict.DONE if char == "]" else Verdict.END if char == "\n" else Verdict.MORE
        return self._arguments(char) if self._state == "arguments" else self._between(char)

    def _break(self) -> None:
        if self._state == "arguments":
            self._streams[-1].end = self._position
        else:
            self._name.clear()
            self._start = self._calls[-1][2] + 1
        self._state = "broken"

    def skip(self, text: str, at: int) -> int:
        if self._state != "arguments":
            return at
        end = self._brackets.skip(text, at)
        self._position += end - at
        return end

    def outcomes(self, raw: str) -> list[Outcome] | None:
        found = [read_call(name, raw[a:b], self._place.toolbox) for name, a, b in self._calls]
        if self._state == "broken":
            return self._with_the_rest(found, raw)
        if self._place.tagged:
            clean = all(item.name in self._place.toolbox.names for item in found)
            return found if clean and not any(_broken(item) for item in found) else None
        return found

    def _with_the_rest(self, found: list[Outcome], raw: str) -> list[Outcome]:
        name = "".join(self._name) or None
        rest = raw[self._start :].strip(" \t\r\n,;")
        if not name:
            rest = rest.removesuffix("]")
        if not rest:
            return found
        return [
            *found,
            Bad(name, rest, "malformed", f"the list of calls cannot be read from here on; {_HOW_LIST}"),
        ]

    def firm(self, outcomes: Sequence[Outcome]) -> bool:
        known = any(item.name in self._place.toolbox.names for item in outcomes)
        return known and not self._place.tagged

    def unfinished(self, raw: str, *, truncated: bool) -> list[Outcome] | None:
        if not self.committed and (self._place.tagged or not self._place.alone or not self._calls_known()):
            return None
        found = [read_call(name, raw[a:b], self._place.toolbox) for name, a, b in self._calls]
        if self._state == "broken":
            return self._with_the_rest(found, raw)
        if self._state == "arguments":
            found.append(cut_off("".join(self._name), raw[self._start :], truncated=truncated))
        elif self._name:
            found.append(cut_off("".join(self._name), "", truncated=truncated))
        return found

    def _calls_known(self) -> bool:
        names = [name for name, _, _ in self._calls]
        if self._state == "arguments":
            names.append("".join(self._name))
        return bool(names) and all(self._place.toolbox.get(name) for name in names)

    def _between(self, char: str) -> Verdict:
        if self._state == "open":
            self._state = "name"
            return Verdict.MORE if char == "[" else Verdict.FAIL
        if self._state in ("name", "named") and char == "(" and self._name:
            return self._open_arguments(char)
        if char.isspace():
            self._state = "named" if self._name else self._state
            return Verdict.MORE
        if char == "]" and self._calls and not self._name:
            return Verdict.DONE
        if self._state == "after":
            self._state = "name"
            if char == "," or (char == ";" and self.committed):
                return Verdict.MORE
            if not self.committed:
                return Verdict.FAIL
        if self._state == "name" and _continues(self._name, char):
            self._name.append(char)
            return Verdict.MORE
        return Verdict.FAIL

    def _open_arguments(self, char: str) -> Verdict:
        known = self._place.toolbox.get("".join(self._name)) is not None
        if not known and (self._place.tagged or not self._place.alone):
            return Verdict.FAIL
        self._state = "arguments"
        self._start = self._position + 1
        first = known and not self._calls and self._place.alone and not self._place.tagged
        self._opening = Opening() if first else None
        if self.committed:
            self._commit()
        self._brackets = Brackets()
        return self._brackets.feed(char)

    def _commit(self) -> None:
        self._streams.append(Stream(len(self._calls), "".join(self._name), self._start))

    def _arguments(self, char: str) -> Verdict:
        if self._opening and self._opening.feed(char):
            self._commit()
        verdict = self._brackets.feed(char)
        if verdict is Verdict.DONE:
            self._calls.append(("".join(self._name), self._start, self._position))
            if self._streams:
                self._streams[-1].end = self._position
            self._name.clear()
            self._state = "after"
            return Verdict.MORE
        return verdict


class DottedCall:
    """Follows ``brave_search.call(...)`` of an enabled built-in.

    Without ``<|python_tag|>`` it is a call where nothing else is said; after it, where the code does not go
    on. After the tag and without an interpreter nothing else is possible: from its first argument on it is a
    call, though it may turn out a broken one.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self.leftover = ""
        self._head = ""
        self._brackets: Brackets | None = None
        self._names = {f"{name}.call(": name for name in place.toolbox.dotted}
        self._name = ""
        self._position = 0
        self._opening = Opening()
        self._stream: Stream | None = None
        self._broken = False

    @staticmethod
    def may_begin(char: str, toolbox: Toolbox) -> bool:
        """Whether a built-in's name begins with this character."""
        return any(name.startswith(char) for name in toolbox.dotted)

    @property
    def committed(self) -> bool:
        return self._stream is not None

    @property
    def streams(self) -> Sequence[Stream]:
        return (self._stream,) if self._stream else ()

    def feed(self, char: str) -> Verdict:
        verdict = self._in_arguments(char) if self._brackets else self._in_head(char)
        self._position += verdict in (Verdict.MORE, Verdict.DONE)
        return verdict

    def _in_head(self, char: str) -> Verdict:
        self._head += char
        if not any(name.startswith(self._head) for name in self._names):
            return Verdict.FAIL
        self._name = self._names.get(self._head, "")
        if self._name:
            self._brackets = Brackets()
            self._brackets.feed(char)
        return Verdict.MORE

    def _in_arguments(self, char: str) -> Verdict:
        assert self._brackets is not None
        if self._broken:
            return Verdict.END if char == "\n" else Verdict.MORE
        if self._opening.feed(char) and self._place.announced and not self._place.tagged:
            self._stream = Stream(0, self._name, len(self._head))
        verdict = self._brackets.feed(char)
        if verdict is Verdict.MORE or self._stream is None:
            return verdict
        self._stream.end = self._position
        self._broken = verdict is Verdict.FAIL
        return Verdict.MORE if self._broken else verdict

    def skip(self, text: str, at: int) -> int:
        if self._brackets is None or self._broken:
            return at
        end = self._brackets.skip(text, at)
        self._position += end - at
        return end

    def outcomes(self, raw: str) -> list[Outcome] | None:
        source = raw[len(self._head) :]
        if self._broken:
            message = f"the arguments of {self._name}() cannot be read: brackets do not match; {_HOW}"
            return [Bad(self._name, source, "malformed", message)]
        return [read_call(self._name, source[:-1], self._place.toolbox, any_name=True)]

    def firm(self, outcomes: Sequence[Outcome]) -> bool:  # noqa: ARG002 - prose or code may follow
        return self.committed

    def unfinished(self, raw: str, *, truncated: bool) -> list[Outcome] | None:
        if not self._name:
            return None
        if self._broken:
            return self.outcomes(raw)
        return [cut_off(self._name, raw[len(self._head) :], truncated=truncated)]


def read_call(name: str, source: str, toolbox: Toolbox, *, any_name: bool = False) -> Outcome:
    """The call with its arguments bound by name and, where they have none, by the tool's signature.

    Args:
        name: The tool's name.
        source: What stands between the parentheses.
        toolbox: The tools.
        any_name: Whether a single argument may go by a wrong name, as in ``brave_search.call(q="...")``.
    """
    tool = toolbox.get(name)
    if tool is None:
        return Bad(name, source, "unknown_tool", toolbox.unknown(name))
    try:
        arguments = read_arguments(source)
    except NotPlainError as error:
        return Bad(name, source, "malformed", f"the arguments of {name}() cannot be read: {error}; {_HOW}")
    bound = _bound(tool, arguments, any_name=any_name)
    if isinstance(bound, str):
        return Bad(name, source, "arguments", bound)
    return bind(toolbox, name, bound, source)


def _bound(tool: Tool, arguments: Arguments, *, any_name: bool) -> dict[str, Any] | str:
    values = [*arguments.positional, *arguments.named.values()]
    if any_name and len(values) == len(tool.parameters) == 1:
        return {tool.parameters[0]: values[0]}
    if len(arguments.positional) > len(tool.parameters):
        return f"{tool.name}() takes at most {len(tool.parameters)} arguments"
    bound = dict(zip(tool.parameters, arguments.positional, strict=False))
    twice = bound.keys() & arguments.named.keys()
    if twice:
        return f"{tool.name}() is given the argument {sorted(twice)[0]!r} twice"
    return bound | arguments.named


def _broken(item: Outcome) -> bool:
    return isinstance(item, Bad) and item.kind == "malformed"


def _continues(name: list[str], char: str) -> bool:
    return char == "_" or (
        char.isascii() and (char.isalpha() or (bool(name) and (char.isdigit() or char in ".-")))
    )
