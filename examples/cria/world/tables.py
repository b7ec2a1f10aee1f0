"""Random tables: the CSV files that generated conversations are about."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from random import Random

import pandas as pd

from . import words


@dataclass(slots=True)
class Table:
    """A CSV file with the roles of its columns.

    ``thing`` is what a row stands for, ``meaning`` the everyday concept of a column, ``time`` the column of
    dates and ``unique`` the column that names the rows; each may be empty.
    """

    file: str
    frame: pd.DataFrame
    numeric: list[str]
    categories: list[str]
    separator: str = ","
    thing: str = ""
    meaning: dict[str, str] = field(default_factory=dict)
    time: str = ""
    unique: str = ""
    flag: str = ""
    flag_words: tuple[str, str] = ("yes", "no")

    def values(self, category: str) -> list[str]:
        """The values that a category column takes."""
        return sorted(set(self.frame[category].dropna()))


def numbers(rng: Random, rows: int) -> list[float | int | None]:
    """Integers or decimals of one scale, a few of them missing."""
    scale, shift = 10 ** rng.uniform(0.5, 5), rng.choice([0, 0, 1, 10])
    if rng.random() < 0.08:
        step = 10 ** rng.randint(2, 5)
        values: list[float | int | None] = [step * rng.randint(1, 999) for _ in range(rows)]
    elif rng.random() < 0.55:
        values = [int(shift + rng.random() * scale) for _ in range(rows)]
    else:
        digits = rng.choice([1, 1, 2, 2, 3])
        values = [round(shift + rng.random() * scale, digits) for _ in range(rows)]
    if rng.random() < 0.15:
        for _ in range(rng.randint(1, 3)):
            values[rng.randrange(rows)] = None
    return values


def labels(rng: Random) -> list[str]:
    """The values of a category."""
    count = rng.randint(2, 4) if rng.random() < 0.8 else rng.randint(5, 12)
    roll = rng.random()
    if roll < 0.3:
        pool = [rng.choice(words.known("category_values")) for _ in range(count)]
    elif roll < 0.55:
        pool = [
            rng.choice(words.known("cities") + words.known("countries") + words.known("people"))
            for _ in range(count)
        ]
    else:
        pool = [words.cased(rng, words.word(rng)) for _ in range(count)]
    if rng.random() < 0.12:
        pool = [f"{label} {words.word(rng)}" for label in pool]
    return list(
        dict.fromkeys(label for label in pool if label.lower() not in {"nan", "null", "none", "na", "n/a"})
    ) or ["Oslo"]


def add_flag(rng: Random, made: Table) -> None:
    """Put a yes-or-no column into a table."""
    name = words.cased(rng, rng.choice(words.known("flags")))
    if name.lower() in {column.lower() for column in made.frame.columns}:
        return
    made.flag, made.flag_words = name, rng.choice([("yes", "no"), ("yes", "no"), ("Y", "N"), ("Yes", "No")])
    values = [rng.choice(made.flag_words) for _ in range(len(made.frame))]
    made.frame.insert(rng.randint(0, made.frame.shape[1]), name, values)


def dates(rng: Random, rows: int) -> tuple[str, list[str]]:
    """A column of days one after the other, and its name."""
    start = datetime.date(rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28))
    step = rng.choice([1, 1, 7, 30])
    name = rng.choice(
        [
            "date",
            "day",
            "Date",
            "time",
            "timestamp",
            "recorded_on",
            "month",
            "when",
            "issued",
            "seen_on",
            "week",
            "created",
            "date_time",
            "measured",
        ]
    )
    return name, [(start + datetime.timedelta(days=step * i)).isoformat() for i in range(rows)]


def _fresh(rng: Random, known: list[str], taken: set[str]) -> str:
    while True:
        name = words.column(rng, known)
        if name.lower() not in taken:
            taken.add(name.lower())
            return name


_SUFFIXES = (
    ("max", "min"),
    ("min", "max", "mean"),
    ("start", "end"),
    ("in", "out"),
    ("a", "b"),
    ("x", "y", "z"),
    ("1", "2", "3"),
    ("length", "width"),
    ("left", "right"),
    ("before", "after"),
    ("total", "net"),
    ("high", "low"),
)


def _siblings(rng: Random, taken: set[str]) -> list[str]:
    """Two or three names with a part in common, such as ``temp_max`` and ``temp_min``."""
    stem = rng.choice(words.known("numeric_columns")) if rng.random() < 0.5 else words.word(rng)
    endings = rng.choice(_SUFFIXES) if rng.random() < 0.6 else (words.word(rng), words.word(rng))
    joint = rng.choice(["_", "_", "_", " ", ""])
    first = rng.random() < 0.25
    names = [f"{end}{joint}{stem}" if first else f"{stem}{joint}{end}" for end in endings]
    if rng.random() < 0.15:
        names = [name.title() for name in names]
    rng.shuffle(names)
    fresh = [name for name in dict.fromkeys(names) if name.lower() not in taken]
    taken.update(name.lower() for name in fresh)
    return fresh


def table(rng: Random) -> Table:
    """A table of 6 to 30 rows with one to six numeric and one to three category columns, in any order."""
    rows, taken = rng.randint(6, 30), set[str]()
    numeric = [
        _fresh(rng, words.known("numeric_columns"), taken)
        for _ in range(rng.choice([1, 1, 2, 2, 2, 3, 3, 4, 5, 6]))
    ]
    if rng.random() < 0.35:
        numeric[:0] = _siblings(rng, taken)
    categories = [
        _fresh(rng, words.known("category_columns"), taken) for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3]))
    ]
    order = numeric + categories
    rng.shuffle(order)
    data: dict[str, list[object]] = {}
    time = ""
    if rng.random() < 0.15:
        time, days = dates(rng, rows)
        if time.lower() not in taken:
            data[time] = list(days)
        else:
            time = ""
    for name in order:
        if name in numeric:
            data[name] = list(numbers(rng, rows))
        else:
            pool = labels(rng)
            data[name] = [rng.choice(pool) for _ in range(rows)]
    separator = rng.choice([";", "\t"]) if rng.random() < 0.04 else ","
    return Table(words.file_name(rng), pd.DataFrame(data), numeric, categories, separator, time=time)
