"""One cell of code as the checks see it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from llama3_tools.gate._resolve import Resolver
from llama3_tools.gate._values import Const, Table, Values


@dataclass(frozen=True, slots=True)
class Report:
    """A finding to be; `passing` marks an import or alias, which only counts where nothing uses it."""

    rule: str
    line: int
    name: str = ""
    passing: bool = False


class Cell:
    """One tree with what its checks need: every node, its parent, and the resolver."""

    def __init__(self, tree: ast.Module, carried: Mapping[str, Values]) -> None:
        self.nodes = list(ast.walk(tree))
        self.parents = {id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)}
        self.resolve = Resolver(self.nodes, carried)

    @functools.cached_property
    def shared(self) -> frozenset[str]:
        """Names that functions set from within, so that anything may change them at any time."""
        declared = (node for node in self.nodes if isinstance(node, ast.Global | ast.Nonlocal))
        return frozenset(name for node in declared for name in node.names)

    @functools.cached_property
    def built(self) -> frozenset[str]:
        """Names given text that is put together, be it of constants."""
        assigned = (node for node in self.nodes if isinstance(node, ast.Assign) and is_built(node.value))
        return frozenset(
            target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)
        )

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds `node`."""
        return self.parents.get(id(node))

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes that hold `node`, from the nearest outwards."""
        holder = self.parent(node)
        while holder is not None:
            yield holder
            holder = self.parent(holder)

    def given(self, call: ast.Call) -> dict[str, Values]:
        """What a call's keywords may stand for, those of `**options` included."""
        found: dict[str, Values] = {}
        for keyword in call.keywords:
            values = self.resolve(keyword.value)
            if keyword.arg is not None:
                found[keyword.arg] = values
                continue
            for table in values:
                if isinstance(table, Table):
                    found.update(table.entries)
        return found

    def argument(self, call: ast.Call, position: int, *names: str) -> Values:
        """What the argument at `position`, or one of these keywords, may stand for; nothing if not given."""
        if len(call.args) > position:
            return self.resolve(call.args[position])
        given = self.given(call)
        return next((given[name] for name in names if name in given), frozenset())


Check = Callable[[Cell, ast.AST], Iterator[Report]]


def is_built(node: ast.AST) -> bool:
    """Whether text may be put together here."""
    return isinstance(node, ast.BinOp | ast.JoinedStr | ast.Call)


def is_true(values: Values) -> bool:
    """Whether `values` may be `True`."""
    return Const(True) in values


def is_false(values: Values) -> bool:
    """Whether `values` may be `False`."""
    return any(isinstance(value, Const) and value.value is False for value in values)


def is_constant(values: Values) -> bool:
    """Whether all of `values` are in sight."""
    return all(isinstance(value, Const) for value in values)


def attribute_of(call: ast.Call) -> str:
    """The name of the method that is called, or nothing."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def first_ref(names: set[str] | frozenset[str]) -> str:
    """One of `names`, always the same."""
    return min(names, default="")
