"""What can be asked about a table: each intent gives the slots, the code and the sentence of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from . import words
from .phrases import typo
from .tables import Table


@dataclass(slots=True)
class Request:
    """One thing asked of a table.

    ``code`` are the lines to run, ``answer`` turns their output into a sentence. ``statistic``, ``column``,
    ``group`` and ``where`` (a value of the group) are set where a follow-up ("and the median?") can refer to
    them; the group of a value that was named without its column is empty. ``lines`` is the number of lines
    printed.
    """

    slots: dict[str, str]
    code: list[str]
    answer: Callable[[str], str]
    plot: bool = False
    statistic: str = ""
    column: str = ""
    where: str = ""
    group: str = ""
    lines: int = 1


STATISTICS = {
    "mean": ("mean()", "average"),
    "median": ("median()", "median"),
    "min": ("min()", "lowest"),
    "max": ("max()", "highest"),
    "sum": ("sum()", "total"),
    "std": ("std()", "standard deviation of"),
}
_NUMBER = re.compile(r"-?\d+")
_UNIT = re.compile(r"( \(.+\)|_(kg|cm|m|usd|eur|km|c|pct|g|h|kr|mm|kmh|years))$", re.IGNORECASE)
PLT = "import matplotlib.pyplot as plt"


def quote(text: str) -> str:
    """A Python string literal in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def spoken(rng: Random, column: str) -> str:
    """A column's name as a user might write it."""
    if rng.random() < 0.09:
        column = typo(rng, column)
    if _UNIT.search(column) and rng.random() < 0.35:
        column = _UNIT.sub("", column)
    roll = rng.random()
    if roll < 0.5:
        return column
    if roll < 0.72:
        return column.lower()
    if roll < 0.9:
        return column.replace("_", " ") if rng.random() < 0.5 else column.replace("_", " ").lower()
    return rng.choice(["'{}'", '"{}"', "{} column" if rng.random() < 0.1 else "`{}`"]).format(column)


def flat(output: str) -> str:
    """A printed list or dictionary as running text: no brackets, no quotes."""
    return output.strip().strip("[]{}").replace("'", "").replace('"', "")


def _pick(rng: Random, table: Table) -> str:
    return rng.choice(table.numeric)


def _two(rng: Random, table: Table) -> tuple[str, str] | None:
    return tuple(rng.sample(table.numeric, 2)) if len(table.numeric) > 1 else None  # type: ignore[return-value]


def _group(rng: Random, table: Table) -> str:
    return rng.choice(table.categories)


def threshold(rng: Random, table: Table, column: str) -> str:
    """A number to compare a column with: near its values, or any."""
    values = table.frame[column].dropna()
    value = rng.choice(list(values))
    roll = rng.random()
    if roll < 0.4:
        return str(value)
    return str(round(value)) if roll < 0.8 else words.number(rng)


def matches(group: str, value: str) -> str:
    """Which rows have a value: in a category, or anywhere where that is empty."""
    literal = value if _NUMBER.fullmatch(value) else quote(value)
    return f"df[{quote(group)}] == {literal}" if group else f"(df == {literal}).any(axis=1)"


def condition(group: str, value: str) -> str:
    """The rows that `matches` finds."""
    return f"df[{matches(group, value)}]"


def statistic(name: str, column: str, *, where: tuple[str, str] | None = None) -> Request:
    """A statistic of one column, on all rows or on those of one category value."""
    call, label = STATISTICS[name]
    source = condition(*where) if where else "df"
    tail = f" for {where[1]}" if where else ""
    return Request(
        {},
        [f"print(round({source}[{quote(column)}].{call}, 4))"],
        lambda out: f"The {label} {column}{tail} is {out}.",
        statistic=name,
        column=column,
        group=where[0] if where else "",
        where=where[1] if where else "",
    )


def grouped(name: str, column: str, group: str) -> Request:
    """A statistic of one column for each value of a category."""
    call, label = STATISTICS[name]
    return Request(
        {},
        [f"print(df.groupby({quote(group)})[{quote(column)}].{call}.round(4).to_dict())"],
        lambda out: f"The {label} {column} by {group} is {flat(out)}.",
        statistic=name,
        column=column,
        group=group,
    )


def extreme(intent: str, column: str, group: str, *, where: tuple[str, str] | None = None) -> Request:
    """Which one is highest (``argmax``) or lowest (``argmin``), of all rows or of those with a value."""
    call, label = {"argmax": ("idxmax", "highest"), "argmin": ("idxmin", "lowest")}[intent]
    rows = condition(*where) if where else "df"
    code = f"print(df.loc[{rows}[{quote(column)}].{call}(), {quote(group)}])"
    tail = f" for {where[1]}" if where else ""
    return Request(
        {},
        [code],
        lambda out: f"The {group} with the {label} {column}{tail} is {out}.",
        statistic="" if where else intent,
        column=column,
        group=group,
    )


def count(intent: str, column: str, limit: str) -> Request:
    """The number of rows above (``count_above``) or below (``count_below``) a limit."""
    sign, label = {"count_above": (">", "above"), "count_below": ("<", "below")}[intent]
    code = f"print((df[{quote(column)}] {sign} {limit}).sum())"
    return Request(
        {},
        [code],
        lambda out: f"The number of rows with {column} {label} {limit} is {out}.",
        statistic=intent,
        column=column,
    )


def draw(lines: list[str], answer: str) -> Request:
    """A figure made by some lines of code."""
    return Request(
        {}, [PLT, *lines, "plt.show()"], lambda plot: f"The {answer} is saved as {plot}.", plot=True
    )


def scatter(y: str, x: str) -> Request:
    """y against x as points."""
    lines = [
        f"plt.scatter(df[{quote(x)}], df[{quote(y)}])",
        f"plt.xlabel({quote(x)})",
        f"plt.ylabel({quote(y)})",
    ]
    return draw(lines, f"plot of {y} against {x}")


def histogram(column: str) -> Request:
    """The distribution of a column."""
    lines = [
        f"plt.hist(df[{quote(column)}].dropna(), bins=20)",
        f"plt.xlabel({quote(column)})",
        'plt.ylabel("count")',
    ]
    return draw(lines, f"histogram of {column}")


def box(column: str) -> Request:
    """A box plot of a column."""
    return draw(
        [f"plt.boxplot(df[{quote(column)}].dropna())", f"plt.ylabel({quote(column)})"],
        f"box plot of {column}",
    )


def _line(rng: Random, table: Table) -> Request:
    c = _pick(rng, table)
    request = draw([f"plt.plot(df[{quote(c)}])", f"plt.ylabel({quote(c)})"], f"line plot of {c}")
    request.slots = {"c": c}
    return request


def _line_over(rng: Random, table: Table) -> Request | None:
    pair = _two(rng, table)
    if not pair:
        return None
    c, c2 = pair
    lines = [
        f"plt.plot(df[{quote(c2)}], df[{quote(c)}])",
        f"plt.xlabel({quote(c2)})",
        f"plt.ylabel({quote(c)})",
    ]
    request = draw(lines, f"line plot of {c} over {c2}")
    request.slots = {"c": c, "c2": c2}
    return request


def _single(name: str) -> Callable[[Random, Table], Request]:
    def make(rng: Random, table: Table) -> Request:
        c = _pick(rng, table)
        request = statistic(name, c)
        request.slots = {"c": c}
        return request

    return make


def _simple(code: str, answer: str, *needs: str) -> Callable[[Random, Table], Request | None]:
    """An intent whose code and answer are plain patterns over the columns c, c2 and g.

    A value v and a number n.
    """

    def make(rng: Random, table: Table) -> Request | None:
        pair = _two(rng, table)
        if "c2" in needs and not pair:
            return None
        c, c2 = pair or (_pick(rng, table), "")
        g = _group(rng, table)
        names = {"c": c, "c2": c2, "g": g, "v": rng.choice(table.values(g))}
        whole = [column for column in table.numeric if column != c and table.frame[column].dtype.kind == "i"]
        if "v" in needs and whole and rng.random() < 0.15:
            names["g"] = g = rng.choice(whole)
            names["v"] = str(rng.choice(list(table.frame[g])))
        if "n" in needs:
            names["n"] = threshold(rng, table, c2 if "c2" in needs else c)
        if "k" in needs:
            names["n"] = str(rng.randint(1, 5))
        if "pct" in needs:
            names["n"] = str(
                rng.choice([5, 10, 20, 25, 30, 40, 60, 70, 75, 80, 90, 95, 99, rng.randint(1, 99)])
            )
        where = condition(g, names["v"])
        quoted = {name: quote(value) for name, value in names.items()} | {
            "n": names.get("n", ""),
            "where": where,
        }
        slots = {name: value for name, value in names.items() if name in needs or name == "n"}
        return Request(
            slots, [code.format(**quoted)], lambda out: answer.format(**names, out=out, flat=flat(out))
        )

    return make


def _plot(make: Callable[..., Request], *needs: str) -> Callable[[Random, Table], Request | None]:
    def build(rng: Random, table: Table) -> Request | None:
        pair = _two(rng, table)
        if "c2" in needs and not pair:
            return None
        c, c2 = pair or (_pick(rng, table), "")
        names = {"c": c, "c2": c2, "g": _group(rng, table)}
        request = make(*(names[need] for need in needs))
        request.slots = {need: names[need] for need in needs}
        request.column = c if "c" in needs else ""
        return request

    return build


def bar_mean(c: str, g: str) -> Request:
    """Bars of a column's mean for each group."""
    lines = [f"df.groupby({quote(g)})[{quote(c)}].mean().plot.bar()", f"plt.ylabel({quote(c)})"]
    return draw(lines, f"bar chart of the average {c} by {g}")


def bar_count(g: str) -> Request:
    """Bars of the number of rows of each group."""
    return draw(
        [f"df[{quote(g)}].value_counts().plot.bar()", 'plt.ylabel("count")'],
        f"bar chart of the counts by {g}",
    )


def pie(g: str) -> Request:
    """The shares of each group."""
    return draw([f"df[{quote(g)}].value_counts().plot.pie()"], f"pie chart of {g}")


def _counting(intent: str) -> Callable[[Random, Table], Request]:
    def make(rng: Random, table: Table) -> Request:
        c = _pick(rng, table)
        n = threshold(rng, table, c)
        request = count(intent, c, n)
        request.slots = {"c": c, "n": n}
        return request

    return make


def _grouping(name: str) -> Callable[[Random, Table], Request]:
    def make(rng: Random, table: Table) -> Request:
        c, g = _pick(rng, table), _group(rng, table)
        request = grouped(name, c, g)
        request.slots = {"c": c, "g": g}
        return request

    return make


def _where(name: str) -> Callable[[Random, Table], Request]:
    def make(rng: Random, table: Table) -> Request:
        c, g = _pick(rng, table), _group(rng, table)
        v = rng.choice(table.values(g))
        whole = [column for column in table.numeric if column != c and table.frame[column].dtype.kind == "i"]
        if whole and rng.random() < 0.15:
            g = rng.choice(whole)
            v = str(rng.choice(list(table.frame[g])))
        request = statistic(name, c, where=(g, v))
        request.slots = {"c": c, "g": g, "v": v}
        return request

    return make


def _extreme(intent: str) -> Callable[[Random, Table], Request]:
    def make(rng: Random, table: Table) -> Request:
        c, g = _pick(rng, table), rng.choice([*table.categories, *([table.time] if table.time else [])])
        request = extreme(intent, c, g)
        request.slots = {"c": c, "g": g}
        return request

    return make


INTENTS: dict[str, Callable[[Random, Table], Request | None]] = {
    **{name: _single(name) for name in STATISTICS},
    "range": _simple("print(round(df[{c}].max() - df[{c}].min(), 4))", "The range of {c} is {out}.", "c"),
    "count_rows": _simple("print(len(df))", "The number of rows is {out}."),
    "count_columns": _simple("print(len(df.columns))", "The number of columns is {out}."),
    "list_columns": _simple("print(list(df.columns))", "The columns are {flat}."),
    "head": _simple("print(df.head({n}).to_csv(index=False))", "The first {n} rows are:\n{out}", "k"),
    "describe": _simple("print(df[{c}].describe().round(4).to_dict())", "The summary of {c} is {flat}.", "c"),
    "unique_count": _simple(
        "print(df[{g}].nunique())", "The number of different values of {g} is {out}.", "g"
    ),
    "unique_values": _simple("print(list(df[{g}].dropna().unique()))", "The values of {g} are {flat}.", "g"),
    "most_common": _simple("print(df[{g}].mode()[0])", "The most common {g} is {out}.", "g"),
    "value_counts": _simple(
        "print(df[{g}].value_counts().head(10).to_dict())", "The counts by {g} are {flat}.", "g"
    ),
    "missing_total": _simple("print(df.isna().sum().sum())", "The number of missing values is {out}."),
    "missing_column": _simple(
        "print(df[{c}].isna().sum())", "The number of missing values in {c} is {out}.", "c"
    ),
    "corr": _simple(
        "print(round(df[{c}].corr(df[{c2}]), 4))", "The correlation of {c} and {c2} is {out}.", "c", "c2"
    ),
    "group_mean": _grouping("mean"),
    "group_sum": _grouping("sum"),
    "group_max": _grouping("max"),
    "group_count": _simple(
        "print(df[{g}].value_counts().head(10).to_dict())", "The counts by {g} are {flat}.", "g"
    ),
    "count_above": _counting("count_above"),
    "count_below": _counting("count_below"),
    "count_value": _simple("print(len({where}))", "The number of rows with {g} {v} is {out}.", "g", "v"),
    "mean_where": _where("mean"),
    "sum_where": _where("sum"),
    "max_where": _where("max"),
    "mean_above": _simple(
        "print(round(df[df[{c2}] > {n}][{c}].mean(), 4))",
        "The average {c} of the rows with {c2} above {n} is {out}.",
        "c",
        "c2",
        "n",
    ),
    "argmax": _extreme("argmax"),
    "argmin": _extreme("argmin"),
    "row_max": _simple(
        "print(df.loc[df[{c}].idxmax()].to_dict())", "The row with the highest {c} is {flat}.", "c"
    ),
    "percentile": _simple(
        "print(round(df[{c}].quantile({n} / 100), 4))", "The percentile {n} of {c} is {out}.", "c", "pct"
    ),
    "top": _simple(
        "print(df.nlargest({n}, {c}).to_csv(index=False))",
        "The {n} rows with the highest {c} are:\n{out}",
        "c",
        "k",
    ),
    "scatter": _plot(scatter, "c", "c2"),
    "hist": _plot(histogram, "c"),
    "box": _plot(box, "c"),
    "bar_mean": _plot(bar_mean, "c", "g"),
    "bar_count": _plot(bar_count, "g"),
    "pie": _plot(pie, "g"),
    "line": _line,
    "line_over": _line_over,
}
