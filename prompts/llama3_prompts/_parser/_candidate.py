"""A stretch of text that may be a call, while a dialect's scanner follows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llama3_prompts._parser._dialects import BRACKET, list_scanner, scanner_for
from llama3_prompts._parser._json_calls import JsonCalls
from llama3_prompts._parser._outcome import Outcome
from llama3_prompts._parser._scanner import Place, Scanner, Verdict


class Candidate:
    """Holds the source, and knows how much of its arguments has been told of.

    Args:
        first: Its first character.
        scanner: What follows it; None for a bracket, until the next character tells which kind of list it is.
        place: Where it begins.
    """

    def __init__(self, first: str, scanner: Scanner | None, place: Place) -> None:
        self._raw = [first]
        self._scanner = scanner
        self._place = place
        self._shown: dict[int, int] = {}
        if scanner:
            scanner.feed(first)

    @classmethod
    def begin(cls, char: str, place: Place, *, at_start: bool) -> Candidate | None:
        """A candidate that begins with `char`, if one may; `at_start` of a message also with a name."""
        if char == BRACKET:
            return cls(char, None, place)
        scanner = scanner_for(char, place, at_start=at_start)
        return cls(char, scanner, place) if scanner else None

    @property
    def raw(self) -> str:
        """The source so far."""
        return "".join(self._raw)

    @property
    def committed(self) -> bool:
        """Whether this is a call for certain, be it a broken one."""
        return self._scanner is not None and self._scanner.committed

    def take(self, text: str, at: int) -> tuple[int, Verdict]:
        """Takes text from `at` on, until there is a verdict or it is a call for certain.

        Returns:
            How far it came, and what it says of the last character that it looked at.
        """
        certain = self.committed
        while at < len(text):
            if self._scanner is None and not self._choose(text[at]):
                if not text[at].isspace():
                    return at, Verdict.FAIL
                self._raw.append(text[at])
                at += 1
                continue
            at, verdict = self._step(text, at)
            if verdict is not Verdict.MORE or self.committed is not certain:
                return at, verdict
        return at, Verdict.MORE

    def _choose(self, char: str) -> bool:
        """Finds the scanner of a list by what follows its bracket."""
        self._scanner = list_scanner(char, self._place)
        if self._scanner:
            for held in self._raw:
                self._scanner.feed(held)
        return self._scanner is not None

    def _step(self, text: str, at: int) -> tuple[int, Verdict]:
        assert self._scanner is not None
        inert = self._scanner.skip(text, at)
        if inert > at:
            self._raw += text[at:inert]
            return inert, Verdict.MORE
        verdict = self._scanner.feed(text[at])
        if verdict in (Verdict.FAIL, Verdict.END):
            return at, verdict
        self._raw.append(text[at])
        return at + 1, verdict

    def cut_leftover(self) -> str:
        """What was taken last and does not belong to it, which is then no longer held."""
        leftover = self._scanner.leftover if self._scanner else ""
        del self._raw[len(self._raw) - len(leftover) :]
        return leftover

    def take_data(self, text: str, at: int) -> tuple[int, bool]:
        """Goes on through JSON that is no call; returns how far it came, and whether the JSON has ended."""
        assert isinstance(self._scanner, JsonCalls)
        verdict = Verdict.MORE
        while verdict is Verdict.MORE:
            at = self._scanner.skip(text, at)
            if at == len(text):
                return at, False
            verdict = self._scanner.go_on(text[at])
            at += verdict is not Verdict.FAIL
        return at, True

    def slices(self) -> Iterator[tuple[int, str, str]]:
        """The arguments that came since the last time: which of its calls, that one's name, the source."""
        streams = self._scanner.streams if self._scanner else ()
        # Only the last of those told of can have grown, so a list of many calls costs no more.
        for stream in streams[max(0, len(self._shown) - 1) :]:
            if stream.ordinal > len(self._shown):
                return  # one before it can only be told of when all are complete
            shown = self._shown.get(stream.ordinal, stream.start)
            end = len(self._raw) if stream.end is None else stream.end
            if end > shown:
                self._shown[stream.ordinal] = end
                yield stream.ordinal, stream.name, "".join(self._raw[shown:end])

    def outcomes(self) -> list[Outcome] | None:
        """The calls of a complete candidate, None if it is no call after all."""
        return self._scanner.outcomes(self.raw) if self._scanner else None

    def firm(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether these stay calls whatever follows in the message."""
        return self._scanner is not None and self._scanner.firm(outcomes)

    def unfinished(self, *, truncated: bool) -> list[Outcome] | None:
        """The calls of a candidate at which the message ended, None if it is none."""
        return self._scanner.unfinished(self.raw, truncated=truncated) if self._scanner else None
