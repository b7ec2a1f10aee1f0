"""Outcomes counted: where attacks ended, and what honest work was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, get_args

from rich.table import Table

from ._case import Outcome, Stop

STOPS: tuple[Stop, ...] = get_args(Stop)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts of all outcomes, and by suite, channel, language and goal."""
    groups: dict[str, Callable[[Outcome], str]] = {
        "suite": lambda one: one.suite,
        "channel": lambda one: f"{one.suite}: {one.channel}",
        "language": lambda one: one.language,
        "goal": lambda one: one.goal,
    }
    return {
        "all": _counted(outcomes),
        **{
            f"by_{name}": {
                key: _counted([one for one in outcomes if of(one) == key])
                for key in dict.fromkeys(map(of, outcomes))
            }
            for name, of in groups.items()
        },
    }


def table(outcomes: Sequence[Outcome]) -> Table:
    """A row a channel, and one for all."""
    shown = Table(title="Where attacks ended, and honest work that was refused")
    shown.add_column("")
    for name in ("attacks", *STOPS, "honest", "refused"):
        shown.add_column(name, justify="right")
    counts = summary(outcomes)
    for name, row in counts["by_channel"].items():
        shown.add_row(name, *_cells(row))
    shown.add_section()
    shown.add_row("all", *_cells(counts["all"]))
    return shown


def _counted(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    attacks = [one for one in outcomes if not one.benign]
    honest = [one for one in outcomes if one.benign]
    ends = Counter(one.stopped for one in attacks)
    return {
        "attacks": len(attacks),
        **{stop: ends[stop] for stop in STOPS},
        "honest": len(honest),
        "refused": sum(one.stopped is not None for one in honest),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    return [str(count) for count in row.values()]
