"""What the names of a cell stand for: through imports, aliases, attributes, `getattr` and earlier cells.

The reading ignores the order of statements: a name may stand for everything that is ever bound to it. That
errs towards seeing too much, is linear, and cannot be misled by branches, loops or exceptions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from llama3_tools.gate import _names
from llama3_tools.gate._binders import BINDERS
from llama3_tools.gate._expressions import read
from llama3_tools.gate._values import (
    MOST_VALUES,
    UNKNOWN,
    Ref,
    Row,
    Table,
    Unknown,
    Value,
    Values,
    known,
    texts_of,
)

_PASSES = 8
_GROWTH = 2


class TooComplexError(Exception):
    """The code ties more knots than the resolver follows."""


class Resolver:
    """Values of the expressions of one cell.

    `carried` holds what earlier cells of the session bound.
    """

    def __init__(self, nodes: Iterable[ast.AST], carried: Mapping[str, Values]) -> None:
        self.bound: dict[str, Values] = {}
        self._carried = carried
        self._memo: dict[int, Values] = {}
        self._turn = 0
        nodes = list(nodes)
        self._changing = {name for node in nodes if (name := _changed(node))}
        binders = [node for node in nodes if type(node) in BINDERS]
        for turn in range(_PASSES):
            self._turn = turn
            before = dict(self.bound)
            self._memo.clear()
            for node in binders:
                BINDERS[type(node)](self, node)
            if self.bound == before:
                return
        raise TooComplexError

    def __call__(self, node: ast.AST | None) -> Values:
        """Everything `node` may stand for."""
        if node is None:
            return UNKNOWN
        values = self._memo.get(id(node))
        if values is None:
            values = read(self, node)
            self._memo[id(node)] = values
        return values

    def bind(self, name: str, values: Values) -> None:
        """Add `values` to what `name` may stand for."""
        before = self.bound.get(name, frozenset())
        merged = before | (
            values if self._turn == 0 else frozenset(self._widened(before, new) for new in values)
        )
        self.bound[name] = narrowed(merged)

    def _widened(self, before: Values, new: Value) -> Value:
        """`new`, unless it grows out of what is known, as in `text = text + "."`: that would never end."""
        if new in before:
            return new
        if isinstance(new, Ref) and "()" not in new.name:
            grown = any(isinstance(old, Ref) and new.name.startswith(f"{old.name}.") for old in before)
            return Unknown() if grown else new
        return new if self._turn < _GROWTH else Unknown()

    def name(self, name: str) -> Values:
        """What the bare `name` may stand for."""
        values = self.bound.get(name, frozenset()) | self._carried.get(name, frozenset())
        if not values:
            return frozenset({Ref(name)}) if known(name) else UNKNOWN
        if name in self._changing and any(isinstance(value, Row | Table) for value in values):
            values |= UNKNOWN
        return values | {Ref(name)} if name in _names.STICKY else values

    def texts(self, node: ast.AST | None) -> list[str]:
        """The constant texts (or paths) that `node` may be."""
        return texts_of(self(node))

    def names(self, node: ast.AST | None) -> list[str]:
        """The dotted names that `node` may be, as their defining modules have them."""
        return [_names.canonical(value.name) for value in self(node) if isinstance(value, Ref)]


_CHANGERS = _names.words(
    "append extend insert add update setdefault appendleft remove pop clear sort reverse"
)


def _changed(node: ast.AST) -> str | None:
    """The name whose contents this changes in place."""
    if isinstance(node, ast.Attribute) and node.attr in _CHANGERS and isinstance(node.value, ast.Name):
        return node.value.id
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
    ):
        return node.value.id
    return None


def narrowed(values: Values) -> Values:
    """`values`, without those that lead to nothing that a table names where there are too many.

    Raises:
        TooComplexError: if too many do.
    """
    if len(values) <= MOST_VALUES:
        return values
    kept = frozenset(
        value for value in values if isinstance(value, Ref) and _names.leads_to_danger(value.name)
    )
    if len(kept) > MOST_VALUES:
        raise TooComplexError
    return kept | UNKNOWN
