"""Tables of everyday things, and questions that imply a column by its meaning ("which is the dearest?")."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pandas as pd

from . import csv_intents as csv
from . import words
from .phrases import bank
from .tables import Table, dates, labels, numbers

_COMMON = frozenset(
    [
        "price",
        "weight",
        "height",
        "length",
        "width",
        "depth",
        "age",
        "salary",
        "temperature",
        "rainfall",
        "wind",
        "humidity",
        "speed",
        "duration",
        "finish_time",
        "distance",
        "population",
        "area",
        "rooms",
        "floors",
        "score",
        "grade",
        "rating",
        "votes",
        "goals",
        "wins",
        "sales",
        "revenue",
        "profit",
        "stock",
        "visitors",
        "passengers",
        "delay",
        "capacity",
        "power",
        "fuel",
        "calories",
        "heart_rate",
        "experience",
        "employees",
        "students",
        "pages",
        "year_built",
        "altitude",
        "budget",
        "views",
        "absences",
        "rent",
        "spending",
    ]
)
"""What people's tables are mostly about; the others come up once in six times."""
_LABELS = (
    "name",
    "id",
    "title",
    "model",
    "label",
    "code",
    "No",
    "ID",
    "Name",
    "street",
    "owner",
    "address",
    "place",
)
_UNITS = ("kr", "eur", "usd", "kg", "g", "cm", "m", "mm", "km", "h", "min", "pct", "kmh", "years")
_GROUPS = (
    "city",
    "district",
    "region",
    "type",
    "category",
    "kind",
    "team",
    "club",
    "dept",
    "country",
    "group",
    "site",
    "shop",
    "class",
    "sector",
    "brand",
)


def plural(noun: str) -> str:
    """The plural of a regular English noun."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _unique_labels(rng: Random, rows: int) -> list[str]:
    style = rng.random()
    if style < 0.3:
        prefix = words.letters(rng)[:2].upper() + rng.choice(["", "-", ""])
        return [f"{prefix}{i}" for i in rng.sample(range(1, 999), rows)]
    made: dict[str, None] = {}
    while len(made) < rows:
        made[words.proper(rng) + (f" {words.word(rng).capitalize()}" if rng.random() < 0.3 else "")] = None
    return list(made)


def concept_table(rng: Random) -> Table:
    """A table whose columns mean something."""
    concepts: dict[str, Any] = bank("concepts")
    weights = [4 if name in _COMMON else 0.5 for name in concepts]
    chosen = list(dict.fromkeys(rng.choices(list(concepts), weights, k=rng.randint(1, 4))))
    thing = rng.choice(concepts[chosen[0]]["things"])
    meaning: dict[str, str] = {}
    for concept in chosen:
        column = rng.choice(concepts[concept]["columns"])
        if re.fullmatch(r"[a-z]+", column) and rng.random() < 0.2:
            column = f"{column}_{rng.choice(_UNITS)}"
        if column.lower() not in {known.lower() for known in meaning}:
            meaning[column] = concept
    rows = rng.randint(6, 20)
    label = rng.choice([thing, thing, f"{thing}_name", thing.capitalize(), *rng.sample(_LABELS, 2)]).replace(
        " ", "_"
    )
    group = rng.choice([*_GROUPS, words.column(rng, words.known("category_columns"))])
    taken = {name.lower() for name in meaning}
    data: dict[str, list[object]] = {}
    text: list[str] = []
    if label.lower() not in taken:
        data[label] = list(_unique_labels(rng, rows))
        text.append(label)
        taken.add(label.lower())
    time = ""
    if rng.random() < 0.3:
        time, data_time = dates(rng, rows)
        if time.lower() not in taken:
            data[time] = list(data_time)
            taken.add(time.lower())
    for column in meaning:
        data[column] = list(numbers(rng, rows))
    if group.lower() not in taken or not text:
        pool = labels(rng)
        data[group] = [rng.choice(pool) for _ in range(rows)]
        text.append(group)
    order = list(data)
    if rng.random() < 0.4:
        rng.shuffle(order)
    file = (
        plural(thing).replace(" ", rng.choice(["_", "-"])) + ".csv"
        if rng.random() < 0.5
        else words.file_name(rng)
    )
    return Table(
        file,
        pd.DataFrame({name: data[name] for name in order}),
        list(meaning),
        text,
        thing=thing,
        meaning=meaning,
        time=time if time in data else "",
        unique=text[0],
    )


_ARG = {"argmax": ("idxmax", "highest"), "argmin": ("idxmin", "lowest")}


def _of_label(rng: Random, template: str) -> str:
    """Now and then by the column that names the things: "which street has the dearest house?"."""
    found = re.fullmatch(r"([Ww]hich) \{t\} (?:is|was) the ([a-z ]+)(\??)", template)
    if found is None or rng.random() < 0.5:
        return template
    verb = rng.choice(["has", "has", "had", "is the one with"])
    return f"{found[1]} {{g}} {verb} the {found[2]} {{t}}{found[3]}"


_WHERE_BEFORE = (
    "in {v}, ",
    "for {v}: ",
    "of the {ts} in {v}, ",
    "among the {v} {ts}, ",
    "when it is {v}, ",
    "only {v}: ",
    "take the {v} ones. ",
    "Looking at {v} alone: ",
    "I only care about {v}. ",
    "{v}: ",
    "with {v} as the {g}, ",
    "where the {g} is {v}, ",
    "if {g} is {v}, ",
)
_WHERE_AFTER = (
    " in {v}",
    " in {v}",
    " for {v}",
    " among the {v} ones",
    " (only {v})",
    " of those with {v}",
    " at {v}",
    ", {v} only",
    " from {v}",
    " by {v}",
    " where {g} is {v}",
    " when {g} is {v}",
    ", but just for {v}",
    " under {v}",
    " with {g} {v}",
)


def _for_value(rng: Random, template: str) -> str:
    """The same of the rows with a value."""
    if rng.random() < 0.4:
        before = rng.choice(_WHERE_BEFORE)
        lower = template[:1].lower() + template[1:] if template[:2] not in {"I ", "I'"} else template
        joined = before + (template if before.endswith(". ") else lower)
        return joined[:1].upper() + joined[1:] if rng.random() < 0.5 else joined
    bare = template.rstrip("?.! ")
    return f"{bare}{rng.choice(_WHERE_AFTER)}{template[len(bare) :]}"


def _hinted(template: str) -> str:
    """The column's name in brackets after what is asked in other words."""
    bare = template.rstrip("?.! ")
    return f"{bare} ({{c}}){template[len(bare) :]}"


def implied(rng: Random, table: Table) -> tuple[str, csv.Request] | None:
    """A phrasing without the column's name, or with it in brackets, and what it asks for."""
    found = _implied(rng, table)
    if found is None or rng.random() > 0.08 or not found[1].column:
        return found
    template, request = found
    request.slots["c"] = request.column
    return _hinted(template), request


def _implied(rng: Random, table: Table) -> tuple[str, csv.Request] | None:
    column = rng.choice(list(table.meaning))
    if column not in table.frame:
        return None
    phrasings = bank("concepts")[table.meaning[column]]
    intent = rng.choice([name for name in phrasings if name not in {"columns", "things"}])
    template = _of_label(rng, rng.choice(phrasings[intent]))
    slots = {"t": table.thing, "ts": plural(table.thing)}
    limited = rng.random() < 0.3
    if limited and (intent in csv.STATISTICS or intent in _ARG) and "{v}" not in template:
        slots["g"] = rng.choice(table.categories)
        slots["v"] = rng.choice(table.values(slots["g"]))
        named = (
            _for_value(rng, template.replace("{g}", "{u}")) if intent in _ARG else _for_value(rng, template)
        )
        where = (slots["g"] if "{g}" in named else "", slots["v"])
        slots["u"] = table.unique
        template = named
        if intent in _ARG:
            request = csv.extreme(intent, column, table.unique, where=where)
        else:
            request = csv.statistic(intent, column, where=where)
    elif intent in _ARG:
        g = table.unique
        slots["g"] = g
        request = csv.extreme(intent, column, g)
    elif intent == "mean_where":
        slots["v"] = rng.choice(table.values(rng.choice(table.categories)))
        request = csv.statistic("mean", column, where=("", slots["v"]))
    elif intent in {"count_above", "count_below"}:
        slots["n"] = csv.threshold(rng, table, column)
        request = csv.count(intent, column, slots["n"])
    elif intent == "hist":
        request = csv.histogram(column)
    elif intent == "row_max":
        made = csv.INTENTS["row_max"](rng, Table(table.file, table.frame, [column], table.categories))
        assert made is not None
        request = made
    else:
        request = csv.statistic(intent, column)
    request.slots = slots
    return template, request
