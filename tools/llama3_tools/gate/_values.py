"""What an expression may stand for, as far as reading the code tells."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Protocol

from llama3_tools.gate import _names

LONGEST_NAME = 200
LONGEST_TEXT = 4096
MOST_VALUES = 32
MOST_ITEMS = 64
UNSEEN = "\ufffd"
"""Stands in a path for a part that is not in sight."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The thing with this dotted name. `f()` in it is what calling `f` returns, `x[]` a part of `x`."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A constant known by its value."""

    value: str | bytes | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Made:
    """What calling `name` returns; for a class of paths with the path, where it is known."""

    name: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """Text put together from parts that are not all constant; `head` is its constant beginning."""

    head: str


@dataclass(frozen=True, slots=True)
class Row:
    """A list, tuple or set that is written out."""

    items: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A dictionary that is written out, as far as its keys are constant text."""

    entries: tuple[tuple[str, Values], ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything."""


Value = Ref | Const | Made | Built | Row | Table | Unknown
Values = frozenset[Value]
UNKNOWN: Values = frozenset({Unknown()})
PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"})


class Reader(Protocol):
    """What the parts of the resolver need of the whole."""

    def __call__(self, node: ast.AST | None) -> Values:
        """Everything `node` may stand for."""

    def name(self, name: str) -> Values:
        """What the bare `name` may stand for."""

    def bind(self, name: str, values: Values) -> None:
        """Add `values` to what `name` may stand for."""

    def texts(self, node: ast.AST | None) -> list[str]:
        """The constant texts (or paths) that `node` may be."""

    def names(self, node: ast.AST | None) -> list[str]:
        """The dotted names that `node` may be, as their defining modules have them."""


def text_of(value: Value) -> str | None:
    """The text that `value` is, or the path."""
    if isinstance(value, Const) and isinstance(value.value, str):
        return value.value
    return value.path if isinstance(value, Made) else None


def texts_of(values: Values) -> list[str]:
    """The texts among `values`, in a fixed order."""
    return sorted(text for value in values if (text := text_of(value)) is not None)


def constants(*values: Value) -> Values:
    """`values`, or anything where there are none."""
    return frozenset(values) or UNKNOWN


def number_of(values: Values) -> float | None:
    """The number that `values` are at least; `None` where something else may be among them."""
    numbers = [
        value.value
        for value in values
        if isinstance(value, Const) and isinstance(value.value, int | float) and value.value == value.value
    ]
    return min(map(_as_float, numbers), default=None) if len(numbers) == len(values) else None


def _as_float(number: float) -> float:
    return float(max(min(number, 10**300), -(10**300)))


def member(values: Values, attribute: str) -> Values:
    """What the attribute of `values` may stand for."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Ref) and len(value.name) < LONGEST_NAME:
            found.add(Ref(f"{value.name}.{attribute}"))
        elif isinstance(value, Made) and len(value.name) < LONGEST_NAME:
            found.add(Ref(f"{value.name}().{attribute}"))
        else:
            found.add(Unknown())
    return frozenset(found)


def parts(values: Values) -> Values:
    """What iterating over `values` gives."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Row):
            found |= _union(value.items)
        elif isinstance(value, Table):
            found |= {Const(key) for key, _ in value.entries}
        elif isinstance(value, Made) and len(value.name) < LONGEST_NAME and value.name not in PATHS:
            found.add(Ref(f"{value.name}()[]"))
        else:
            found.add(Unknown())
    return frozenset(found)


def item(values: Values, keys: Values) -> Values:
    """What `values[key]` may stand for."""
    found: set[Value] = set()
    wanted = {key.value for key in keys if isinstance(key, Const)}
    exact = len(wanted) == len(keys)
    for value in values:
        if isinstance(value, Row):
            chosen = [
                value.items[i]
                for i in wanted
                if isinstance(i, int) and -len(value.items) <= i < len(value.items)
            ]
            found |= _union(tuple(chosen) if exact and chosen else value.items)
        elif isinstance(value, Table):
            chosen = [entry for key, entry in value.entries if key in wanted]
            found |= _union(tuple(chosen) if exact and chosen else tuple(entry for _, entry in value.entries))
        else:
            found.add(Unknown())
    return (
        frozenset(found) if len(found) <= MOST_VALUES else UNKNOWN | {v for v in found if isinstance(v, Ref)}
    )


def _union(values: tuple[Values, ...]) -> Values:
    return frozenset[Value]().union(*values) or UNKNOWN


def known(name: str) -> bool:
    """Whether a name stands for itself where nothing binds it."""
    return name in _names.ASSUMED or name in _names.BUILTINS
