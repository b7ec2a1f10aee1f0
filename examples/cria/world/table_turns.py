"""Turns about an attached file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from . import csv_intents as csv
from . import words
from .answers import failure
from .concepts import implied, plural
from .conversation import Conversation
from .joint_intents import joint
from .more_intents import MORE, follow_up, follow_ups
from .phrases import bank, bend, fill, say, typo
from .tables import Table

LOOK = "for c in df:\n    print(repr(c), df[c].unique()[: 2 if df[c].dtype.kind in 'if' else 6].tolist())"

_WEIGHTS = {
    **dict.fromkeys(("std", "count_rows", "count_above", "count_value", "bar_mean", "argmax"), 3),
    **{"mean": 9, "max": 6, "min": 6, "sum": 6, "median": 5, "scatter": 5, "hist": 4, "group_mean": 4},
}
"""How much more often than others these statistics and plots are asked for."""
_MORE_WEIGHTS = {
    **{"count_of_value": 5, "mean_of_value": 4, "sum_of_value": 3, "count_flag": 3, "line_time": 3},
    **dict.fromkeys(("max_of_value", "mean_flag", "count_things", "min_max", "max_and_who"), 2),
}

_JOINT = 0.3
"""How often one sentence asks for several things, or sets conditions."""

_ALL_ROWS = (
    "of all {ts}",
    "over all {ts}",
    "across all rows",
    "for all the {ts}",
    "in the whole file",
    "of every {t}",
    "among the {ts}",
    "in this list",
)
_LEADS = (
    "I found this list of {ts}.",
    "These are the {ts} we have so far.",
    "We counted the {ts} all summer.",
    "I'm thinking of buying a {t}.",
    "Here are our {ts}.",
    "My neighbour keeps a list of {ts}.",
    "I was given the {ts} of last year.",
    "We have to choose a {t} this week and got this table.",
    "This file has one line for each {t}.",
    "I know nothing about {ts}.",
    "My sister works with {ts} in the city.",
    "We want to move next spring and looked at some {ts}.",
    "I'm writing about {ts} and would like to check a number.",
    "Our club wrote down every {t}.",
)
"""What people say about a table before they ask."""


def look(talk: Conversation, table: Table) -> None:
    """Load a file and look at its columns and a few of their values."""
    tab = table.file.endswith(".tsv")
    extra = ', sep="\\t"' if tab else ""
    ran = talk.code(f"import pandas as pd\ndf = pd.read_csv({csv.quote(table.file)}{extra})\n{LOOK}")
    separator = "\\t" if table.separator == "\t" else table.separator
    if table.separator != "," and not tab and separator in ran.stdout:
        talk.code(f'df = pd.read_csv({csv.quote(table.file)}, sep="{separator}")\n{LOOK}')


def _said(rng: Random, table: Table, slots: dict[str, str]) -> dict[str, str]:
    """Slots as a user would write them: columns loosely, values mostly as they stand in the file."""
    said = {
        name: csv.spoken(rng, value)
        if name in {"c", "c2", "c3", "g", "h", "u"}
        else value.replace("_", " ").lower()
        if name == "b"
        else value
        for name, value in slots.items()
    }
    roll = rng.random()
    for name in said.keys() & {"v", "v2"}:
        said[name] = said[name].lower() if roll < 0.15 else f"'{said[name]}'" if roll < 0.22 else said[name]
    if said.get("n", "").isdigit() and int(said["n"]) > 999 and rng.random() < 0.15:
        said["n"] = f"{int(said['n']):,}"
    return said | {"f": table.file}


def _request(rng: Random, table: Table) -> tuple[str, csv.Request]:
    """A phrasing, still with its slots, and what it asks for."""
    names = list(csv.INTENTS)
    while True:
        roll = rng.random()
        if table.meaning and roll < 0.35:
            made = implied(rng, table)
            if made is not None:
                return made
        elif roll < 0.75:
            name = rng.choices(names, [_WEIGHTS.get(n, 1) for n in names])[0]
            request = csv.INTENTS[name](rng, table)
            if request is not None:
                return rng.choice(bank("csv")[name]), request
        else:
            name = rng.choices(list(MORE), [_MORE_WEIGHTS.get(n, 1) for n in MORE])[0]
            request = MORE[name](rng, table)
            if request is not None and name in bank("more"):
                return rng.choice(bank("more")[name]), request


def _slots(rng: Random, table: Table, request: csv.Request) -> dict[str, str]:
    named = [category.replace("_", " ").lower() for category in table.categories]
    thing = table.thing or rng.choice(["row", "entry", "item", "record", "line", *named])
    return {"t": thing, "ts": plural(thing)} | _said(rng, table, request.slots)


def _ask_table(talk: Conversation, table: Table) -> tuple[str, list[csv.Request]]:
    rng = talk.rng
    if rng.random() < _JOINT:
        template, made = joint(rng, table)
        return _placed(rng, table, fill(bend(rng, template), _slots(rng, table, made[0])), made[0]), made
    template, request = _request(rng, table)
    text = fill(bend(rng, template), _slots(rng, table, request))
    if (
        request.statistic in csv.STATISTICS
        and not request.where
        and not request.group
        and rng.random() < 0.08
    ):
        text = _with_tail(text, fill(rng.choice(_ALL_ROWS), _slots(rng, table, request)))
    text = _placed(rng, table, text, request)
    second = _second(rng, table, request) if rng.random() < 0.3 else None
    return (_joined(rng, text, second[0]), [request, second[1]]) if second else (text, [request])


def _placed(rng: Random, table: Table, text: str, request: csv.Request) -> str:
    """A question that may name the file, or begin with what the table is about."""
    if table.file not in text and rng.random() < 0.12:
        text = _with_tail(text, f"{rng.choice(['in', 'in', 'from', 'of'])} {table.file}")
    if rng.random() < 0.06:
        text = f"{fill(rng.choice(_LEADS), _slots(rng, table, request))} {text}"
    return text


def _with_tail(text: str, tail: str) -> str:
    """A question with some more words before the mark that ends it."""
    said = text.rstrip("?.! ")
    return f"{said} {tail}{text[len(said) :]}"


def _second(rng: Random, table: Table, first: csv.Request) -> tuple[str, csv.Request] | None:
    """What is asked in the same breath: something else, or more about the same column."""
    if first.plot or "\n" in first.answer("x"):
        return None
    if rng.random() < 0.5:
        leaning = _follow_up(rng, table, first, ["fu_hist", "fu_box", "fu_group", "fu_scatter", "fu_chart"])
        if leaning:
            return leaning
    template, request = _request(rng, table)
    return fill(bend(rng, template), _slots(rng, table, request)), request


def _joined(rng: Random, first: str, second: str) -> str:
    joint = rng.choice([" ", " Also, ", " And ", ", and ", " Then ", "\n", "; ", " and also ", " and "])
    if joint not in {" ", "\n"}:
        second = re.sub("^and ", "", second, flags=re.IGNORECASE)
        second = second[:1].lower() + second[1:]
        end = "" if joint.startswith((",", ";", " and")) else first[len(first.rstrip("?.!")) :] or "."
        first = first.rstrip("?.!") + end
    return first + joint + second


def _finish(talk: Conversation, made: list[csv.Request]) -> None:
    """Run the requests in one cell and put what came out into words."""
    code = "\n".join(line for request in made for line in request.code)
    if "df" not in talk.interpreter.namespace:
        return
    ran = talk.code(code)
    if ran.error:
        talk.answer(failure(ran.error))
        return
    printing = [request for request in made if not request.plot]
    outs = [ran.stdout] if len(printing) == 1 else _split(ran.stdout, [request.lines for request in printing])
    texts: list[str] = []
    plot = talk.plots - ran.plots
    printed = iter(outs)
    for request in made:
        if request.plot:
            plot += 1
            texts.append(request.answer(f"plot-{plot}.png"))
        else:
            texts.append(request.answer(next(printed)))
    talk.answer(" ".join(texts))
    talk.last_number = outs[0] if len(made) == 1 and re.fullmatch(r"-?\d+(\.\d+)?", outs[0]) else ""


def _split(text: str, counts: list[int]) -> list[str]:
    """Consecutive groups of lines; the last group takes what is left."""
    lines = text.split("\n")
    groups: list[str] = []
    for count in counts[:-1]:
        groups.append("\n".join(lines[:count]))
        lines = lines[count:]
    return [*groups, "\n".join(lines)]


def _same(last: csv.Request, name: str, column: str) -> csv.Request:
    """A statistic on the rows, or by the groups, of the request before."""
    if last.where:
        return csv.statistic(name, column, where=(last.group, last.where))
    return csv.grouped(name, column, last.group) if last.group else csv.statistic(name, column)


def _follow_up(
    rng: Random, table: Table, last: csv.Request, favoured: Sequence[str] = ()
) -> tuple[str, csv.Request] | None:
    """A short question that leans on the one before."""
    others = [column for column in table.numeric if column != last.column]
    options = [name for name in follow_ups(table, last) for _ in range(3)]
    if last.statistic in csv.STATISTICS:
        options += [f"fu_{name}" for name in csv.STATISTICS if name != last.statistic] + ["fu_hist", "fu_box"]
        options += ["fu_column"] * 4 + ["fu_scatter"] * 2 if others else []
        options += ["fu_group", "fu_where", "fu_where"] if not last.group and not last.where else []
    if not options:
        return None
    name = rng.choices(options, [4 if name in favoured else 1 for name in options])[0]
    if name in bank("more"):
        request = follow_up(rng, table, last, name)
        return fill(bend(rng, rng.choice(bank("more")[name])), _slots(rng, table, request)), request
    if name not in bank("csv"):
        return None
    request = _csv_follow_up(rng, table, last, name, others)
    return say(rng, "csv", name, _said(rng, table, request.slots)), request


def _csv_follow_up(rng: Random, table: Table, last: csv.Request, name: str, others: list[str]) -> csv.Request:
    slots: dict[str, str] = {}
    if name == "fu_column":
        slots["c"] = rng.choice(others)
        request = _same(last, last.statistic, slots["c"])
    elif name == "fu_scatter":
        slots["c2"] = rng.choice(others)
        request = csv.scatter(last.column, slots["c2"])
    elif name in {"fu_hist", "fu_box"}:
        request = (csv.histogram if name == "fu_hist" else csv.box)(last.column)
    elif name == "fu_group":
        slots["g"] = rng.choice(table.categories)
        request = csv.grouped(last.statistic, last.column, slots["g"])
    elif name == "fu_where":
        slots["g"] = rng.choice(table.categories)
        slots["v"] = rng.choice(table.values(slots["g"]))
        request = csv.statistic(last.statistic, last.column, where=(slots["g"], slots["v"]))
    else:
        request = _same(last, name.removeprefix("fu_"), last.column)
    request.slots = slots
    if request.plot:
        request.statistic, request.column = last.statistic, last.column
    return request


def _missing_column(talk: Conversation, table: Table) -> None:
    """The user asks for a column that the file does not have."""
    rng = talk.rng
    while (ghost := words.column(rng, words.known("numeric_columns"))).lower() in {
        c.lower() for c in table.frame.columns
    }:
        pass
    name = rng.choice(["mean", "median", "max", "min", "sum", "hist", "std"])
    talk.user(
        say(rng, "csv", name, {"c": ghost, "f": table.file}),
        [] if "df" in talk.interpreter.namespace else [table.file],
    )
    if "df" not in talk.interpreter.namespace:
        look(talk, table)
    talk.answer(
        f"There is no column {ghost} in {table.file}. The columns are {', '.join(table.frame.columns)}."
    )


def _lost_state(talk: Conversation, made: list[csv.Request], table: Table) -> None:
    """The session was restarted: the first try fails, the model loads the file again."""
    talk.interpreter.namespace.clear()
    talk.code("\n".join(line for request in made for line in request.code))
    look(talk, table)


def _wrong_column(talk: Conversation, made: list[csv.Request]) -> None:
    """A first try or two with a misspelt column (not learned), then a look at the header."""
    code = "\n".join(line for request in made for line in request.code)
    names = re.findall(r'df\["([^"]+)"\]', code)
    if not names:
        return
    wrong = _garbled(talk.rng, names[0])
    for _ in range(talk.rng.choice([1, 1, 1, 2])):
        talk.code(code.replace(f'["{names[0]}"]', f'["{wrong}"]'), learn=False)
        talk.code(LOOK)


def _garbled(rng: Random, column: str) -> str:
    """What a model makes of a column's name that it does not copy with care."""
    parts = re.split("([_ ])", column)
    if len(parts) > 1 and rng.random() < 0.4:
        return rng.choice([parts[0], parts[-1], f"{words.word(rng)}_{parts[-1]}"])
    roll = rng.random()
    if roll < 0.4:
        return typo(rng, column)
    return column.lower() + "s" if roll < 0.6 else words.word(rng)


def table_turns(talk: Conversation, tables: list[Table], turns: int) -> None:
    """Questions about an attached file."""
    rng = talk.rng
    table = rng.choice(tables)
    last: csv.Request | None = None
    for turn in range(turns):
        loaded = "df" in talk.interpreter.namespace
        if rng.random() < 0.03:
            _missing_column(talk, table)
            last = None
            continue
        leaning = _follow_up(rng, table, last) if last is not None and rng.random() < 0.6 else None
        if leaning is not None:
            talk.user(leaning[0])
            made = [leaning[1]]
        else:
            text, made = _ask_table(talk, table)
            if len(tables) > 1 and table.file not in text:
                text = rng.choice(
                    [
                        f"In {table.file}: {text}",
                        f"{text} (use {table.file})",
                        f"Look at {table.file}. {text}",
                    ]
                )
            talk.user(text, [t.file for t in tables] if turn == 0 else ())
        if not loaded:
            look(talk, table)
        elif rng.random() < 0.02:
            _lost_state(talk, made, table)
        if rng.random() < 0.06:
            _wrong_column(talk, made)
        _finish(talk, made)
        alone = all(other.plot and other.column == made[0].column for other in made[1:])
        last = made[0] if alone and made[0].statistic else None
