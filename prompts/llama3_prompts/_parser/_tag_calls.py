"""Calls in tags: ``<function=name>{...}</function>``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llama3_prompts._parser._json import JsonStructure
from llama3_prompts._parser._json_reading import read_arguments, why
from llama3_prompts._parser._outcome import Bad, Outcome, bind, cut_off
from llama3_prompts._parser._scanner import Place, Stream, Verdict

_OPEN: Final = "<function="
_CLOSE: Final = "</function>"
_MAX_NAME: Final = 128


class TagCall:
    """Follows one tag and its body, a JSON object. The closing tag inside a string does not close it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._position = 0
        self._state = "open"
        self._name = ""
        self._letters: list[str] = []
        self._structure = JsonStructure()
        self._stream: Stream | None = None
        self._body: tuple[int, int | None] = (0, None)
        self._tail = ""
        self.leftover = ""
        self._spaced = False

    @property
    def committed(self) -> bool:
        return self._stream is not None

    @property
    def streams(self) -> Sequence[Stream]:
        return (self._stream,) if self._stream else ()

    def feed(self, char: str) -> Verdict:
        verdict = _STEPS[self._state](self, char)
        if verdict is Verdict.FAIL and self.committed:
            self._state, self._tail = "broken", ""
            self._stop_stream()
            verdict = self._broken(char)
        self._position += verdict is not Verdict.FAIL
        return verdict

    def skip(self, text: str, at: int) -> int:
        if self._state != "arguments":
            return at
        end = self._structure.skip(text, at)
        self._position += end - at
        return end

    def outcomes(self, raw: str) -> list[Outcome] | None:
        source = raw[self._body[0] : self._body[1]]
        if self._state == "broken":
            return [Bad(self._name, source, "malformed", why(source))]
        args = read_arguments(source) if source else {}
        if args is None:
            return [Bad(self._name, source, "malformed", why(source))]
        return [bind(self._place.toolbox, self._name, args, source)]

    def firm(self, outcomes: Sequence[Outcome]) -> bool:  # noqa: ARG002 - known from the start
        return self.committed

    def unfinished(self, raw: str, *, truncated: bool) -> list[Outcome] | None:
        if not self.committed:
            return None
        if self._state == "close":
            return self.outcomes(raw)
        source = raw[self._body[0] :]
        if self._state == "broken":
            return [Bad(self._name, source, "malformed", why(source))]
        return [cut_off(self._name, source, truncated=truncated)]

    def on_key(self, depth: int, key: str) -> None:
        """The arguments' own keys are read when the call is complete."""

    def on_open(self, depth: int, bracket: str, at: int) -> None:
        """See `on_key`."""

    def on_close(self, depth: int, end: int) -> None:
        """See `on_key`."""

    def on_scalar(self, depth: int, text: str | None) -> None:
        """See `on_key`."""

    def _opening(self, char: str) -> Verdict:
        if _OPEN[self._position] != char:
            return Verdict.FAIL
        if self._position == len(_OPEN) - 1:
            self._state = "name"
        return Verdict.MORE

    def _naming(self, char: str) -> Verdict:
        if char in ">{" and self._letters:
            return self._named(char)
        if char in " \"'":  # what models put around a name, or after it
            self._spaced |= char == " "
            return Verdict.MORE
        if self._spaced or len(self._letters) == _MAX_NAME or not (char.isalnum() or char in "_-."):
            return Verdict.FAIL
        self._letters.append(char)
        return Verdict.MORE

    def _named(self, char: str) -> Verdict:
        self._name = "".join(self._letters)
        known = self._place.toolbox.get(self._name) is not None
        self._state = "body"
        if char == "{":  # without the bracket that closes the tag
            return self._before_body(char) if known else Verdict.FAIL
        return Verdict.MORE if known or self._place.alone else Verdict.FAIL

    def _before_body(self, char: str) -> Verdict:
        if char.isspace():
            return Verdict.MORE
        known = self._place.toolbox.get(self._name) is not None
        self._body = (self._position, None)
        if char == "<":
            self._body = (self._position, self._position)
            self._state, self._tail = "empty", char
            return Verdict.MORE
        if char != "{":
            self._state = "broken"
            return self._broken(char) if known and self._place.alone else Verdict.FAIL
        self._state = "arguments"
        if known:
            self._stream = Stream(0, self._name, self._position)
        return self._structure.feed(char, self)

    def _arguments(self, char: str) -> Verdict:
        verdict = self._structure.feed(char, self)
        if verdict is not Verdict.DONE:
            return verdict
        self._state = "close"
        self._body = (self._body[0], self._position + 1)
        if self._stream:
            self._stream.end = self._position + 1
        return Verdict.MORE

    def _empty(self, char: str) -> Verdict:
        """The closing tag where the arguments should be."""
        self._tail += char
        if self._tail == _CLOSE:
            return Verdict.DONE
        return Verdict.MORE if _CLOSE.startswith(self._tail) else Verdict.FAIL

    def _closing(self, char: str) -> Verdict:
        if char.isspace() and not self._tail:
            return Verdict.MORE
        self._tail += char
        if self._tail == _CLOSE:
            return Verdict.DONE
        if _CLOSE.startswith(self._tail):
            return Verdict.MORE
        self.leftover = self._tail[:-1]
        return Verdict.END if self.committed else Verdict.FAIL

    def _broken(self, char: str) -> Verdict:
        self._tail = (self._tail + char)[-len(_CLOSE) :]
        if self._tail != _CLOSE:
            return Verdict.MORE
        self._body = (self._body[0], self._position + 1 - len(_CLOSE))
        return Verdict.DONE

    def _stop_stream(self) -> None:
        # What follows the break may be the closing tag, which is no argument.
        if self._stream and self._stream.end is None:
            self._stream.end = self._position


_STEPS: Final = {
    "open": TagCall._opening,
    "name": TagCall._naming,
    "body": TagCall._before_body,
    "arguments": TagCall._arguments,
    "empty": TagCall._empty,
    "close": TagCall._closing,
    "broken": TagCall._broken,
}
