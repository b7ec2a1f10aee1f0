"""Several things asked of a table in one sentence, and things asked under conditions.

The intents are data: each table of ``data/joint.toml`` holds what people write (``ask``), the lines to run
(``code``), the sentence of the answer (``answer``, with {1} for the first printed line) and the figures to
draw (``draws``, each a name and its lines). One and the same slot is a word in ``ask``, a literal in the code
and a label in the answer: {s} is "smallest value", ``min()`` and "lowest".
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pandas as pd

from . import csv_intents as csv
from . import words
from .csv_intents import Request, quote
from .phrases import bank, fill
from .tables import Table

_STATISTICS = {
    "mean": (
        ("mean", "average", "avg", "mean value", "average value", "arithmetic mean"),
        ("average", "average", "mean", "avg"),
    ),
    "median": (("median", "median value", "middle value"), ("median",)),
    "min": (
        ("minimum", "min", "smallest value", "lowest value", "least value"),
        ("lowest", "smallest", "minimum", "min", "least"),
    ),
    "max": (
        ("maximum", "max", "largest value", "highest value", "biggest value", "peak"),
        ("highest", "largest", "maximum", "biggest", "max", "greatest"),
    ),
    "sum": (("sum", "total", "sum total", "total sum"), ("total", "total", "summed", "sum of")),
    "std": (
        ("standard deviation", "std", "std dev", "stdev", "sd"),
        ("standard deviation of", "std of", "stdev of"),
    ),
    "count": (("number of values", "count", "count of values"), ("count of", "number of values of")),
}
"""What a statistic is called: on its own ("the peak of {c}"), and before a column ("the highest {c}")."""
_OFTEN = {"mean": 5, "median": 3, "min": 3, "max": 3, "sum": 3, "std": 2, "count": 1}
_SIGNS = {
    ">": ("above", "over", "more than", "greater than", "higher than", "larger than"),
    "<": ("below", "under", "less than", "lower than", "smaller than"),
    ">=": ("at least", "no less than"),
    "<=": ("at most", "no more than"),
}
_EXTREMES = {
    "max": ("highest", "largest", "biggest", "greatest"),
    "min": ("lowest", "smallest"),
}
_DIRECTIONS = {
    "True": ("ascending", "from low to high", "lowest first", "smallest first", "from smallest to largest"),
    "False": ("descending", "from high to low", "highest first", "largest first", "from largest to smallest"),
}
_UNITS = {"1000": ("thousands",), "1000000": ("millions",), "100": ("hundreds",)}
_DIGITS = {
    "1": ("1 decimal", "one decimal place", "one digit after the point", "1 decimal place"),
    "2": ("2 decimals", "two decimals", "two decimal places", "2 digits after the point"),
    "3": ("3 decimals", "three decimal places"),
}
_NUMBERS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six"}
_ORDINALS = {"2": ("second", "second", "2nd"), "3": ("third", "3rd"), "4": ("fourth", "4th")}
_COLOURS = (
    *("red", "blue", "green", "orange", "purple", "black", "grey", "brown", "pink", "gold", "navy"),
    *("teal", "olive", "cyan", "magenta", "darkgreen", "lightblue", "salmon"),
)


@dataclass(slots=True)
class _Slots:
    """What each slot is in a question, in the code and in an answer."""

    said: dict[str, str] = field(default_factory=dict)
    literal: dict[str, str] = field(default_factory=dict)
    label: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, said: str, literal: str, label: str = "") -> None:
        self.said[name], self.literal[name], self.label[name] = said, literal, label or said


def placeholders(texts: Iterable[str]) -> set[str]:
    """The names in braces."""
    return {name for text in texts for name in re.findall(r"\{([a-z]\w*)\}", text)}


@functools.cache
def _needs(intent: str) -> frozenset[str]:
    """The slots of an intent; an adjective ({a}) is a statistic ({s}) in another form."""
    entry = bank("joint")[intent]
    drawn = [line for figure in entry.get("draws", []) for line in figure]
    names = placeholders([*entry["ask"], *entry.get("code", []), *drawn])
    return frozenset("s" + name[1:] if name in {"a", "a2", "a3"} else name for name in names)


def _put_columns(rng: Random, table: Table, needs: frozenset[str], slots: _Slots) -> bool:
    for names, pool in ((["c", "c2", "c3"], table.numeric), (["g", "h"], table.categories)):
        wanted = max((i + 1 for i, name in enumerate(names) if name in needs), default=1)
        if len(pool) < wanted:
            return False
        for name, column in zip(names, rng.sample(pool, wanted), strict=False):
            slots.put(name, column, quote(column))
    return True


def _put_values(
    rng: Random, table: Table, entry: dict[str, Any], needs: frozenset[str], slots: _Slots
) -> bool:
    """One or two values of a category, which is named with them (``value = "g"``) or not."""
    group = slots.said[entry["value"]] if "value" in entry else ""
    values = table.values(group or rng.choice(table.categories))
    if "v2" in needs and len(values) < 2:
        return False
    for end, value in zip(("", "2"), rng.sample(values, min(2, len(values))), strict=False):
        slots.put(f"v{end}", value, quote(value))
        found = csv.matches(group, value)
        slots.literal |= {f"where{end}": f"df[{found}]", f"is{end}": f"({found})" if group else found}
    return True


def _put_limits(rng: Random, table: Table, entry: dict[str, Any], slots: _Slots) -> bool:
    """One or two numbers to compare with; two of one column are the ends of a range."""
    column = slots.said[entry.get("n", "c")]
    limits = [csv.threshold(rng, table, column)]
    if "n2" in entry:
        limits.append(csv.threshold(rng, table, slots.said[entry["n2"]]))
    else:
        limits = sorted([*limits, csv.threshold(rng, table, column)], key=float)
        if limits[0] == limits[1]:
            return False
    for name, limit in zip(("n", "n2"), limits, strict=True):
        slots.put(name, limit, limit)
    return True


def _put_statistics(rng: Random, entry: dict[str, Any], slots: _Slots) -> None:
    pool = list(entry.get("stats", _STATISTICS))
    for end in ("", "2", "3"):
        if not pool:
            break
        name = rng.choices(pool, [_OFTEN[other] for other in pool])[0]
        pool.remove(name)
        call, label = csv.STATISTICS.get(name, ("count()", "number of values of"))
        nouns, adjectives = _STATISTICS[name]
        slots.put(f"s{end}", rng.choice(nouns), call, label)
        slots.said[f"a{end}"] = rng.choice(adjectives)
        slots.label[f"statistic{end}"] = name


def _put_words(rng: Random, slots: _Slots) -> None:
    """Signs, directions, counts, colours and titles."""
    for name in ("o", "o2"):
        sign = rng.choices(list(_SIGNS), [5, 4, 1, 1])[0]
        slots.put(name, rng.choice(_SIGNS[sign]), sign, _SIGNS[sign][0])
    for name, choices in (
        ("e", _EXTREMES),
        ("d", _DIRECTIONS),
        ("u", _UNITS),
        ("r", _DIGITS),
        ("nth", _ORDINALS),
    ):
        literal = rng.choice(list(choices))
        slots.put(name, rng.choice(choices[literal]), literal, choices[literal][0])
    slots.literal["nlargest"] = "nlargest" if slots.literal["e"] == "max" else "nsmallest"
    k = rng.choice(list(_NUMBERS))
    slots.put("k", _NUMBERS[k] if rng.random() < 0.35 else k, k, k)
    bins, percent = str(rng.choice([5, 6, 8, 10, 12, 15, 25, 30, 40, 50])), str(rng.randint(1, 60))
    slots.put("i", bins, bins)
    slots.put("p", percent, percent)
    for name in ("colour", "colour2"):
        colour = rng.choice(_COLOURS)
        slots.put(name, colour, quote(colour))
    title = words.phrase(rng, 1, 3)
    title = title.capitalize() if rng.random() < 0.7 else title
    slots.put("title", title, quote(title))


def _put(rng: Random, table: Table, intent: str) -> _Slots | None:
    """Values for all slots, or nothing where the table has too few columns or values."""
    entry, needs, slots = bank("joint")[intent], _needs(intent), _Slots()
    if not _put_columns(rng, table, needs, slots):
        return None
    if needs & {"v", "where", "is"} and not _put_values(rng, table, entry, needs, slots):
        return None
    if "n" in needs and not _put_limits(rng, table, entry, slots):
        return None
    _put_statistics(rng, entry, slots)
    _put_words(rng, slots)
    return slots


def _printed(table: Table, code: list[str]) -> str:
    """What the code prints for a table that was read from its file; nothing where it fails."""
    frame = pd.read_csv(io.StringIO(table.frame.to_csv(index=False)))
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec("\n".join(code), {"df": frame, "pd": pd})
    except Exception:  # noqa: BLE001 - a question that cannot be answered is not asked
        return ""
    return out.getvalue().rstrip("\n")


def _worth_saying(out: str) -> bool:
    lines = out.split("\n")
    return len(out) < 300 and all(
        line.strip("[]{} ") and not re.search(r"\b(nan|inf|NaT|None)\b", line) for line in lines
    )


def _sentence(pattern: str, label: dict[str, str], out: str) -> str:
    shown = {
        str(at): csv.flat(line) if line.startswith(("[", "{")) else line
        for at, line in enumerate(out.split("\n"), 1)
    }
    return fill(pattern, label | shown)


def _printing(table: Table, entry: dict[str, Any], slots: _Slots) -> Request | None:
    """The part of a request that prints."""
    code = [fill(line, slots.literal) for line in entry["code"]]
    out = _printed(table, code)
    if not _worth_saying(out):
        return None
    return Request(
        {},
        code,
        lambda out: _sentence(entry["answer"], slots.label, out),
        lines=out.count("\n") + 1,
    )


def _lean(request: Request, follow: str, slots: _Slots) -> None:
    """Say what a follow-up refers to: a statistic, a column and perhaps a group or a value ("mean c v")."""
    name, column, *rest = follow.split()
    name = slots.label["statistic"] if name == "s" else name
    if name not in csv.STATISTICS:
        return
    request.statistic, request.column = name, slots.label[column]
    if "g" in rest:
        request.group = slots.label["g"]
    if "v" in rest:
        request.where = slots.label["v"]


def build(rng: Random, table: Table, intent: str) -> list[Request] | None:
    """What an intent asks of a table: one request that prints, then its figures."""
    slots = _put(rng, table, intent)
    if slots is None:
        return None
    entry, made = bank("joint")[intent], []
    if "code" in entry:
        printing = _printing(table, entry, slots)
        if printing is None:
            return None
        made.append(printing)
        if "follow" in entry:
            _lean(printing, entry["follow"], slots)
    for name, *lines in entry.get("draws", []):
        figure = csv.draw([fill(line, slots.literal) for line in lines], fill(name, slots.label))
        figure.column = slots.label["c"]
        if made and made[-1].plot:
            figure.code.remove(csv.PLT)
        made.append(figure)
    asked = placeholders(entry["ask"])
    made[0].slots = {name: text for name, text in slots.said.items() if name in asked}
    return made


def joint(rng: Random, table: Table) -> tuple[str, list[Request]]:
    """A phrasing, still with its slots, and the requests it stands for."""
    intents = bank("joint")
    while True:
        intent = rng.choice(list(intents))
        made = build(rng, table, intent)
        if made is not None:
            return rng.choice(intents[intent]["ask"]), made
