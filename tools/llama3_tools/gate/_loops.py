"""Loops and calls that certainly never end, or start more than a machine can hold."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report, attribute_of
from llama3_tools.gate._endings import length, never_ends, stays_true
from llama3_tools.gate._values import number_of

_EXITS = (ast.Break, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom, ast.Await, ast.Assert)
_LEAVERS = frozenset({"exit", "quit", "sys.exit", "os._exit"})
_CONSUMERS = frozenset(
    {"list", "tuple", "set", "sorted", "sum", "min", "max", "frozenset", "collections.Counter"}
)
_EXHAUSTERS = _CONSUMERS | {
    "numpy.array",
    "numpy.fromiter",
    "pandas.Series",
    "pandas.DataFrame",
    "collections.deque",
}
_STARTED = frozenset(
    {"threading.Thread", "multiprocessing.Process", "threading.Timer", "multiprocessing.Pool"}
)
_POOLS = (
    frozenset({"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor"}) | _STARTED
)
_MOST_TURNS = 10**11
_MOST_ITEMS = 500_000_000
_MOST_STARTED = 1000
_LONGEST_SLEEP = 3600
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def check_loop(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Loops with a condition that nothing changes, or over what never ends, and nothing that leaves them."""
    if not isinstance(node, ast.While | ast.For):
        return
    if _is_endless(cell, node) and not _leaves(cell, node):
        yield Report("resource.loop", node.lineno)
    if isinstance(node, ast.For):
        turns = length(cell, node.iter)
        if turns >= _MOST_TURNS and not _leaves(cell, node):
            yield Report("resource.loop", node.lineno)
        if turns >= _MOST_STARTED and (started := _started(cell, node)):
            yield Report("resource.threads", node.lineno, started)


def _is_endless(cell: Cell, node: ast.While | ast.For) -> bool:
    if isinstance(node, ast.While):
        return stays_true(cell, node)
    return never_ends(cell, node.iter) or _grows_with_loop(node)


def _grows_with_loop(node: ast.For) -> bool:
    """`for x in xs: xs.append(x)`, on every turn."""
    if not isinstance(node.iter, ast.Name):
        return False
    return any(
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and attribute_of(statement.value) in {"append", "extend", "insert"}
        and isinstance(statement.value.func, ast.Attribute)
        and isinstance(statement.value.func.value, ast.Name)
        and statement.value.func.value.id == node.iter.id
        for statement in node.body
    )


def _leaves(cell: Cell, node: ast.While | ast.For) -> bool:
    """Whether something may end the loop: a statement, a call that leaves, or an exception caught outside."""
    inside = [part for statement in node.body for part in _within(statement)]
    calls = [part for part in inside if isinstance(part, ast.Call)]
    if any(isinstance(part, _EXITS) for part in inside):
        return True
    if any(_LEAVERS & _plain_names(cell, call) for call in calls):
        return True
    caught = any(isinstance(holder, ast.Try) and holder.handlers for holder in cell.ancestors(node))
    return caught and any(not _is_quiet(cell, call) for call in calls)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run with `node`, functions defined in it left out."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += [child for child in ast.iter_child_nodes(part) if not isinstance(child, _SCOPES)]


def _is_quiet(cell: Cell, call: ast.Call) -> bool:
    return bool(_plain_names(cell, call) & {"print", "len", "str", "time.sleep", "range"})


def _plain_names(cell: Cell, node: ast.Call) -> set[str]:
    plain = {node.func.id} if isinstance(node.func, ast.Name) else set()
    return plain | set(cell.resolve.names(node.func))


def _started(cell: Cell, node: ast.For) -> str:
    calls = [part for statement in node.body for part in _within(statement) if isinstance(part, ast.Call)]
    names = {name for call in calls for name in cell.resolve.names(call.func)} & _STARTED
    return min(names, default="")


def check_consumer(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """`list(itertools.count())`, and sequences made of a range beyond any memory."""
    if isinstance(node, ast.Call):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        plain = _plain_names(cell, node)
        if plain & _CONSUMERS and len(node.args) == 1 and never_ends(cell, node.args[0]):
            yield Report("resource.loop", node.lineno)
        elif plain & _EXHAUSTERS and any(
            length(cell, argument) > _most_items(plain) for argument in arguments
        ):
            yield Report("resource.memory", node.lineno)
        elif pools := plain & _POOLS:
            if (number_of(cell.argument(node, 0, "max_workers", "processes")) or 0) > _MOST_STARTED:
                yield Report("resource.threads", node.lineno, min(pools))
        elif (
            "time.sleep" in plain
            and node.args
            and (number_of(cell.resolve(node.args[0])) or 0) > _LONGEST_SLEEP
        ):
            yield Report("resource.sleep", node.lineno, "time.sleep")
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
        first = node.generators[0]
        if _size(cell, node) > _MOST_ITEMS:
            yield Report("resource.memory", node.lineno)
        elif never_ends(cell, first.iter):
            yield Report("resource.loop", node.lineno)


def _size(cell: Cell, node: ast.expr) -> float:
    """How many items a comprehension makes, those of the lists in it included."""
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
        if any(generator.ifs for generator in node.generators):
            return 0
        turns = math.prod(length(cell, generator.iter) for generator in node.generators)
        return turns * max(1.0, 0 if isinstance(node, ast.DictComp) else _size(cell, node.elt))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.List):
        return number_of(cell.resolve(node.right)) or 0
    return 0


def _most_items(names: set[str]) -> float:
    return _MOST_TURNS if names <= {"sum", "min", "max"} else _MOST_ITEMS
