"""Find facts in an answer: numbers, words, dates, a yes or a no."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

RELATIVE_TOLERANCE = 1e-3

# A digit that hangs on a word or a hyphen ("plot-1.png", "2024-05-01") is no number of its own.
_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<!\w)[-−])?(?<![\w][-−])"
    r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[+-]?\d+)?",
    re.IGNORECASE,
)
_NO = re.compile(r"\b(?:no|not|false|never|composite|cannot)\b|n['’]t\b", re.IGNORECASE)
_BEYOND = re.compile(
    r"can['’]?t|cannot|can not|not able|unable|do not know|don['’]t know|sorry|outside|beyond|not something i"
    r"|only (?:know|help|do|work|answer)|not (?:made|trained|built) for",
    re.IGNORECASE,
)
_STOPPED = re.compile(
    r"block|refus|reject|not allowed|not permitted|can['’]?t|cannot|can not|won['’]t|not run|not execute"
    r"|denied|forbid|unsafe|insecure|dangerous",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DECORATION = re.compile(r"[\"'`*,;()\[\]{}]|\.(?!\w)")


class Number(NamedTuple):
    """A number as an answer wrote it."""

    value: float
    decimals: int
    start: int


def numbers_in(text: str) -> list[Number]:
    """All numbers of a text, in order; "1,250" counts as itself and as its two parts."""
    return list(_numbers(text))


def states(text: str, want: Any, *, case: bool = False) -> bool:
    """Whether the text states a fact.

    Args:
        text: the answer.
        want: a bool (yes or no), an int (exactly), a float (within a thousandth, or correctly rounded to
            the two or more decimals shown), a date, a string, a list of numbers (in that order), a list
            of other facts (in any order) or a dictionary (each key beside its value).
        case: whether upper and lower case are told apart.
    """
    if isinstance(want, bool):
        return says_yes(text) is want
    if isinstance(want, (int, float)):
        return any(_equal(number, want) for number in numbers_in(text))
    if isinstance(want, datetime.date):
        return any(contains(text, form) for form in _date_forms(want))
    if isinstance(want, Mapping):
        return _pairs(text, want)
    if isinstance(want, Sequence) and not isinstance(want, str):
        return _lists(text, want)
    if _ISO_DATE.fullmatch(str(want)):
        return states(text, datetime.date.fromisoformat(want))
    return contains(text, str(want), case=case)


def contains(text: str, part: str, *, case: bool = False) -> bool:
    """Whether whole words of the text read as `part`, quotes, brackets and commas left aside."""
    text, part = _bare(text), _bare(part)
    flags = re.NOFLAG if case else re.IGNORECASE
    return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text, flags) is not None


def says_yes(text: str) -> bool:
    """Whether an answer to a yes-or-no question agrees: it says something, and no word in it denies."""
    return bool(text.strip()) and not _NO.search(text)


def says_beyond_it(text: str) -> bool:
    """Whether the answer owns that the question is beyond the model."""
    return _BEYOND.search(text) is not None


def says_stopped(text: str) -> bool:
    """Whether the answer says that the code was not run."""
    return _STOPPED.search(text) is not None


def _numbers(text: str) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        written = match.group().replace("−", "-")
        decimals = len(written.lower().partition("e")[0].partition(".")[2])
        yield Number(float(written.replace(",", "")), decimals, match.start())
        if "," in written:
            for part in written.split(","):
                yield Number(float(part), 0, match.start())


def _equal(number: Number, want: float) -> bool:
    if isinstance(want, int):
        return number.value == want
    if math.isclose(number.value, want, rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-12):
        return True
    rounded = abs(number.value - want) <= 0.5000001 * 10**-number.decimals
    return number.decimals >= 2 and number.value != 0 and rounded


def _pairs(text: str, want: Mapping[Any, Any]) -> bool:
    return all(_follows(text, key, value) for key, value in want.items()) or all(
        _precedes(text, key, value) for key, value in want.items()
    )


def _follows(text: str, key: Any, value: float) -> bool:
    ends = [match.end() for match in re.finditer(rf"(?<!\w){re.escape(str(key))}(?!\w)", text, re.IGNORECASE)]
    after = (numbers_in(text[end:])[:1] for end in ends)
    return any(_equal(found[0], value) for found in after if found)


def _precedes(text: str, key: Any, value: float) -> bool:
    starts = [
        match.start() for match in re.finditer(rf"(?<!\w){re.escape(str(key))}(?!\w)", text, re.IGNORECASE)
    ]
    before = (numbers_in(text[:start])[-1:] for start in starts)
    return any(_equal(found[0], value) for found in before if found)


def _lists(text: str, want: Sequence[Any]) -> bool:
    if not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in want):
        return all(states(text, item) for item in want)
    found = iter(numbers_in(text))
    return all(any(_equal(number, item) for number in found) for item in want)


def _date_forms(day: datetime.date) -> list[str]:
    months = (day.strftime("%B"), day.strftime("%b"))
    words = [
        form
        for month in months
        for form in (f"{day.day} {month} {day.year}", f"{month} {day.day} {day.year}")
    ]
    padded = [f"{day:%d} {month} {day.year}" for month in months] + [
        f"{month} {day:%d} {day.year}" for month in months
    ]
    return [day.isoformat(), *words, *padded]


def _bare(text: str) -> str:
    return " ".join(_DECORATION.sub(" ", text).split())
