"""Further questions about tables: values named without their column, two answers at once, more plots."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from . import csv_intents as csv
from .csv_intents import Request, condition, draw, quote
from .tables import Table

Maker = Callable[[Random, Table], Request | None]


def _column(rng: Random, table: Table) -> str:
    return rng.choice(table.numeric)


def _value(rng: Random, table: Table) -> tuple[str, str]:
    """A value of a category, which is not named with it."""
    return "", rng.choice(table.values(rng.choice(table.categories)))


def _with(group: str, value: str) -> str:
    return f"{group} {value}".strip()


def _of_value(name: str) -> Maker:
    def make(rng: Random, table: Table) -> Request:
        c, where = _column(rng, table), _value(rng, table)
        request = csv.statistic(name, c, where=where)
        request.slots = {"c": c, "v": where[1]}
        return request

    return make


def of_value_count(group: str, value: str) -> Request:
    """How many rows have a value."""
    request = Request(
        {},
        [f"print(len({condition(group, value)}))"],
        lambda out: f"The number of rows with {_with(group, value)} is {out}.",
    )
    request.statistic, request.group, request.where = "count", group, value
    return request


def _count_of_value(rng: Random, table: Table) -> Request:
    where = _value(rng, table)
    request = of_value_count(*where)
    request.slots = {"v": where[1]}
    return request


def _count_not_value(rng: Random, table: Table) -> Request:
    where = _value(rng, table)
    code = [f"print((~{csv.matches(*where)}).sum())"]
    return Request({"v": where[1]}, code, lambda out: f"The number of rows without {where[1]} is {out}.")


def _share_of_value(rng: Random, table: Table) -> Request:
    return _share(*_value(rng, table))


def _share(group: str, value: str) -> Request:
    found = csv.matches(group, value)
    code = f"print(round({f'({found})' if group else found}.mean() * 100, 4))"
    return Request(
        {"v": value}, [code], lambda out: f"The share of rows with {_with(group, value)} is {out} percent."
    )


def _count_things(_rng: Random, _table: Table) -> Request:
    return Request({}, ["print(len(df))"], lambda out: f"The number of rows is {out}.")


def _pair(first: str, second: str) -> Maker:
    """Two statistics of one column."""

    def make(rng: Random, table: Table) -> Request:
        c = _column(rng, table)
        one, two = csv.statistic(first, c), csv.statistic(second, c)
        return _both(one, two, {"c": c})

    return make


def _both(one: Request, two: Request, slots: dict[str, str]) -> Request:
    def answer(out: str) -> str:
        first, _, second = out.partition("\n")
        return f"{one.answer(first)} {two.answer(second)}"

    return Request(slots, one.code + two.code, answer, lines=2)


def _and_who(name: str, arg: str) -> Maker:
    def make(rng: Random, table: Table) -> Request:
        c, g = _column(rng, table), rng.choice([*table.categories, table.unique or table.categories[0]])
        return _both(csv.statistic(name, c), csv.extreme(arg, c, g), {"c": c, "g": g})

    return make


def _grouped(name: str) -> Maker:
    def make(rng: Random, table: Table) -> Request:
        c, g = _column(rng, table), rng.choice(table.categories)
        request = csv.grouped(name, c, g)
        request.slots = {"c": c, "g": g}
        return request

    return make


def _between(rng: Random, table: Table) -> Request:
    c = _column(rng, table)
    low, high = sorted((csv.threshold(rng, table, c), csv.threshold(rng, table, c)), key=float)
    code = [f"print(df[{quote(c)}].between({low}, {high}).sum())"]
    return Request(
        {"c": c, "n": low, "n2": high},
        code,
        lambda out: f"The number of rows with {c} between {low} and {high} is {out}.",
    )


def _mean_below(rng: Random, table: Table) -> Request | None:
    if len(table.numeric) < 2:
        return None
    c, c2 = rng.sample(table.numeric, 2)
    n = csv.threshold(rng, table, c2)
    code = [f"print(round(df[df[{quote(c2)}] < {n}][{quote(c)}].mean(), 4))"]
    return Request(
        {"c": c, "c2": c2, "n": n},
        code,
        lambda out: f"The average {c} of the rows with {c2} below {n} is {out}.",
    )


def _count_above_value(rng: Random, table: Table) -> Request:
    c, (g, v) = _column(rng, table), _value(rng, table)
    n = csv.threshold(rng, table, c)
    code = [f"print(({condition(g, v)}[{quote(c)}] > {n}).sum())"]
    return Request(
        {"c": c, "n": n, "v": v},
        code,
        lambda out: f"The number of rows with {_with(g, v)} and {c} above {n} is {out}.",
    )


def _plot(make: Callable[..., Request], *needs: str) -> Maker:
    def build(rng: Random, table: Table) -> Request | None:
        if "c2" in needs and len(table.numeric) < 2:
            return None
        c, c2 = rng.sample(table.numeric, 2) if len(table.numeric) > 1 else (_column(rng, table), "")
        names = {
            "c": c,
            "c2": c2,
            "g": rng.choice(table.categories),
            "n": str(rng.choice([5, 8, 10, 12, 15, 25, 30, 40, 50])),
        }
        request = make(*(names[need] for need in needs))
        request.slots = {need: names[need] for need in needs}
        return request

    return build


def _bar_sum(c: str, g: str) -> Request:
    lines = [f"df.groupby({quote(g)})[{quote(c)}].sum().plot.bar()", f"plt.ylabel({quote(c)})"]
    return draw(lines, f"bar chart of the total {c} by {g}")


def _box_by(c: str, g: str) -> Request:
    return draw(
        [f"df.boxplot(column={quote(c)}, by={quote(g)})", f"plt.ylabel({quote(c)})"],
        f"box plot of {c} by {g}",
    )


def _hist_bins(c: str, n: str) -> Request:
    lines = [f"plt.hist(df[{quote(c)}].dropna(), bins={n})", f"plt.xlabel({quote(c)})", 'plt.ylabel("count")']
    return draw(lines, f"histogram of {c}")


def _line_time(rng: Random, table: Table) -> Request | None:
    if not table.time:
        return None
    c = _column(rng, table)
    request = over_time(c, table.time)
    request.slots = {"c": c}
    return request


def over_time(column: str, time: str) -> Request:
    """A column as a line over the column that holds the dates."""
    lines = [
        f"plt.plot(pd.to_datetime(df[{quote(time)}]), df[{quote(column)}])",
        f"plt.xlabel({quote(time)})",
        f"plt.ylabel({quote(column)})",
    ]
    return draw(lines, f"line plot of {column} over {time}")


def _rank_by_mean(rng: Random, table: Table) -> Request:
    c, g = _column(rng, table), rng.choice(table.categories)
    code = [f"print(df.groupby({quote(g)})[{quote(c)}].mean().idxmax())"]
    return Request({"c": c, "g": g}, code, lambda out: f"The {g} with the highest average {c} is {out}.")


def _rank_by_count(rng: Random, table: Table) -> Request:
    g = rng.choice(table.categories)
    return Request(
        {"g": g}, [f"print(df[{quote(g)}].mode()[0])"], lambda out: f"The most common {g} is {out}."
    )


def _flagged(table: Table) -> tuple[str, str, str] | None:
    """A yes-or-no column and the words for yes and no in it."""
    if not table.flag:
        return None
    yes, no = table.flag_words
    return table.flag, yes, no


def _count_flag(wanted: int) -> Maker:
    def make(_rng: Random, table: Table) -> Request | None:
        flagged = _flagged(table)
        if flagged is None:
            return None
        request = of_value_count(flagged[0], flagged[wanted])
        request.slots = {"b": flagged[0]}
        return request

    return make


def _mean_flag(wanted: int) -> Maker:
    def make(rng: Random, table: Table) -> Request | None:
        flagged = _flagged(table)
        if flagged is None:
            return None
        c = _column(rng, table)
        request = csv.statistic("mean", c, where=(flagged[0], flagged[wanted]))
        request.slots = {"b": flagged[0], "c": c}
        return request

    return make


MORE: dict[str, Maker] = {
    "count_flag": _count_flag(1),
    "count_not_flag": _count_flag(2),
    "mean_flag": _mean_flag(1),
    "mean_not_flag": _mean_flag(2),
    "mean_of_value": _of_value("mean"),
    "sum_of_value": _of_value("sum"),
    "max_of_value": _of_value("max"),
    "min_of_value": _of_value("min"),
    "median_of_value": _of_value("median"),
    "count_of_value": _count_of_value,
    "count_not_value": _count_not_value,
    "share_of_value": _share_of_value,
    "count_things": _count_things,
    "mean_median": _pair("mean", "median"),
    "min_max": _pair("min", "max"),
    "max_and_who": _and_who("max", "argmax"),
    "min_and_who": _and_who("min", "argmin"),
    "group_median": _grouped("median"),
    "group_min": _grouped("min"),
    "count_between": _between,
    "mean_below": _mean_below,
    "count_above_value": _count_above_value,
    "bar_sum": _plot(_bar_sum, "c", "g"),
    "box_by": _plot(_box_by, "c", "g"),
    "line_time": _line_time,
    "hist_bins": _plot(_hist_bins, "c", "n"),
    "scatter_which": _plot(csv.scatter, "c", "c2"),
    "rank_by_mean": _rank_by_mean,
    "rank_by_count": _rank_by_count,
}


def follow_ups(table: Table, last: Request) -> list[str]:
    """The elliptical questions that make sense after a request."""
    if last.plot:
        return []
    if last.statistic in {"argmax", "argmin"}:
        return ["fu_fewest" if last.statistic == "argmax" else "fu_most"]
    if last.statistic in {"count_above", "count_below"}:
        return ["fu_above", "fu_below"]
    if last.statistic == "count":
        return ["fu_value", "fu_percent_rows"]
    if last.statistic not in csv.STATISTICS:
        return []
    names = ["fu_draw"]
    if last.where:
        names += ["fu_value"] * 3
    elif last.group:
        names += ["fu_chart"] * 3
    elif last.statistic in {"min", "max"}:
        names += ["fu_which", "fu_which", "fu_who"] + (["fu_when"] * 2 if table.time else [])
    elif table.categories:
        names += ["fu_value"]
    return names


def follow_up(rng: Random, table: Table, last: Request, name: str) -> Request:
    """What an elliptical question asks for."""
    slots: dict[str, str] = {}
    if name in {"fu_fewest", "fu_most"}:
        request = csv.extreme("argmin" if name == "fu_fewest" else "argmax", last.column, last.group)
    elif name in {"fu_above", "fu_below"}:
        slots["n"] = csv.threshold(rng, table, last.column)
        request = csv.count(f"count_{name[3:]}", last.column, slots["n"])
    elif name == "fu_value":
        group = last.group if last.where else ""
        slots["v"] = str(rng.choice(table.values(group or rng.choice(table.categories))))
        if last.statistic == "count":
            request = of_value_count(group, slots["v"])
        else:
            request = csv.statistic(last.statistic, last.column, where=(group, slots["v"]))
    elif name == "fu_percent_rows":
        request = _share(last.group, last.where)
    elif name == "fu_chart" or (name == "fu_draw" and last.group and not last.where):
        call = csv.STATISTICS[last.statistic][0]
        lines = [
            f"df.groupby({quote(last.group)})[{quote(last.column)}].{call}.plot.bar()",
            f"plt.ylabel({quote(last.column)})",
        ]
        request = draw(lines, f"bar chart of {last.column} by {last.group}")
    elif name == "fu_draw":
        request = csv.histogram(last.column)
    else:
        group = {"fu_when": table.time, "fu_who": table.unique or table.categories[0]}.get(
            name, rng.choice(table.categories)
        )
        slots |= {"g": group} if name == "fu_which" else {}
        request = csv.extreme("argmax" if last.statistic == "max" else "argmin", last.column, group)
    request.slots = slots
    return request
