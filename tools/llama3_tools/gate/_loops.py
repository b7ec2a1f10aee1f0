"""Loops and calls that certainly never end, or start more than a machine can hold."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from llama3_tools.gate._cell import Cell, Report, attribute_of
from llama3_tools.gate._values import Const, Made, number_of

_EXITS = (ast.Break, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom, ast.Await, ast.Assert)
_LEAVERS = frozenset({"exit", "quit", "sys.exit", "os._exit"})
_ENDLESS = frozenset({"itertools.count", "itertools.cycle", "itertools.repeat"})
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
_MOST_TURNS = 10**11
_MOST_STARTED = 1000
_LONGEST_SLEEP = 3600
_BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match, ast.AsyncFor, ast.AsyncWith)


def check_loop(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Loops with a condition that nothing changes, or over what never ends, and nothing that leaves them."""
    if not isinstance(node, ast.While | ast.For):
        return
    if _is_endless(cell, node) and not _leaves(cell, node):
        yield Report("resource.loop", node.lineno)
    if isinstance(node, ast.For):
        turns = _range_size(cell, node.iter)
        if turns >= _MOST_TURNS and not _leaves(cell, node):
            yield Report("resource.loop", node.lineno)
        if turns >= _MOST_STARTED and (started := _started(cell, node)):
            yield Report("resource.threads", node.lineno, started)


def _is_endless(cell: Cell, node: ast.While | ast.For) -> bool:
    if isinstance(node, ast.For):
        return _never_ends(cell, node.iter) or _grows_with_loop(node)
    if isinstance(node.test, ast.Constant):
        return bool(node.test.value)
    return _stays_true(cell, node)


def _never_ends(cell: Cell, node: ast.expr) -> bool:
    """Whether iterating over `node` never ends: `itertools.count()`, `iter(int, 1)`."""
    if not isinstance(node, ast.Call):
        return any(isinstance(value, Made) and _counts(value.name) for value in cell.resolve(node))
    names = set(cell.resolve.names(node.func))
    if "itertools.repeat" in names:
        return len(node.args) == 1 and not node.keywords
    if "iter" in names and len(node.args) == 2:
        return isinstance(node.args[0], ast.Name) and node.args[0].id in {
            "int",
            "str",
            "list",
            "dict",
            "float",
        }
    return any(map(_counts, names))


def _counts(name: str) -> bool:
    return name in {"itertools.count", "itertools.cycle"}


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


def _stays_true(cell: Cell, node: ast.While) -> bool:
    """Whether the condition compares numbers under names that the loop never sets."""
    if not isinstance(node.test, ast.Compare):
        return False
    names = [part for part in ast.walk(node.test) if isinstance(part, ast.Name)]
    plain = all(
        isinstance(part, ast.Name | ast.Constant | ast.Compare | ast.cmpop | ast.expr_context)
        for part in ast.walk(node.test)
    )
    if not names or not plain:
        return False
    fixed = all(_is_number(cell, name) for name in names)
    return fixed and not {name.id for name in names} & _set_anywhere(cell, node)


def _is_number(cell: Cell, node: ast.Name) -> bool:
    return all(
        isinstance(value, Const) and isinstance(value.value, int | float) for value in cell.resolve(node)
    )


def _set_anywhere(cell: Cell, loop: ast.While) -> set[str]:
    """Names set in the loop, or declared to be set from elsewhere."""
    inside = {
        part.id
        for part in ast.walk(loop)
        if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)
    }
    shared = [
        name for part in cell.nodes if isinstance(part, ast.Global | ast.Nonlocal) for name in part.names
    ]
    return inside | set(shared)


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


def _within(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes that run with `node`, functions defined in it left out."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _within(child)


def _is_quiet(cell: Cell, call: ast.Call) -> bool:
    return bool(_plain_names(cell, call) & {"print", "len", "str", "time.sleep", "range"})


def _plain_names(cell: Cell, node: ast.Call) -> set[str]:
    plain = {node.func.id} if isinstance(node.func, ast.Name) else set()
    return plain | set(cell.resolve.names(node.func))


def _range_size(cell: Cell, node: ast.expr) -> float:
    """How many numbers `range(...)` gives, where it is certain."""
    if not isinstance(node, ast.Call) or "range" not in cell.resolve.names(node.func) or not node.args:
        return 0
    ends = [number_of(cell.resolve(argument)) for argument in node.args]
    if any(end is None for end in ends):
        return 0
    known = [end or 0 for end in ends]
    low, high = (0.0, known[0]) if len(known) == 1 else (known[0], known[1])
    return max(0.0, (high - low) / (known[2] if len(known) > 2 and known[2] > 0 else 1))


def _started(cell: Cell, node: ast.For) -> str:
    calls = [part for statement in node.body for part in _within(statement) if isinstance(part, ast.Call)]
    names = {name for call in calls for name in cell.resolve.names(call.func)} & _STARTED
    return min(names, default="")


def check_consumer(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """`list(itertools.count())`, and sequences made of a range beyond any memory."""
    if isinstance(node, ast.Call):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        plain = _plain_names(cell, node)
        if plain & _CONSUMERS and len(node.args) == 1 and _never_ends(cell, node.args[0]):
            yield Report("resource.loop", node.lineno)
        elif plain & _EXHAUSTERS and any(
            _range_size(cell, argument) > _most_items(plain) for argument in arguments
        ):
            yield Report("resource.memory", node.lineno)
        elif (
            "time.sleep" in plain
            and node.args
            and (number_of(cell.resolve(node.args[0])) or 0) > _LONGEST_SLEEP
        ):
            yield Report("resource.sleep", node.lineno, "time.sleep")
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
        first = node.generators[0]
        if _range_size(cell, first.iter) > _MOST_ITEMS and not first.ifs:
            yield Report("resource.memory", node.lineno)
        elif _never_ends(cell, first.iter):
            yield Report("resource.loop", node.lineno)


_MOST_ITEMS = 500_000_000


def _most_items(names: set[str]) -> float:
    return _MOST_TURNS if names <= {"sum", "min", "max"} else _MOST_ITEMS


def check_recursion(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Functions that call themselves before anything could stop them."""
    if isinstance(node, ast.FunctionDef):
        if not node.decorator_list and _calls_itself(node):
            yield Report("resource.recursion", node.lineno, node.name)
    elif (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Lambda)
        and isinstance(node.targets[0], ast.Name)
    ):
        if _has_plain_call(node.value.body, node.targets[0].id):
            yield Report("resource.recursion", node.lineno, node.targets[0].id)
    del cell


def _calls_itself(node: ast.FunctionDef) -> bool:
    for statement in node.body:
        if isinstance(statement, (*_BRANCHES, ast.Raise, ast.FunctionDef, ast.ClassDef)):
            return False
        value = getattr(statement, "value", None)
        if isinstance(value, ast.expr) and _has_plain_call(value, node.name):
            return not any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node))
        if isinstance(statement, ast.Return):
            return False
    return False


def _has_plain_call(node: ast.expr, name: str) -> bool:
    """Whether evaluating `node` always calls `name`."""
    if isinstance(
        node,
        ast.IfExp | ast.BoolOp | ast.Lambda | ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp,
    ):
        return False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
        return True
    return any(
        isinstance(child, ast.expr) and _has_plain_call(child, name) for child in ast.iter_child_nodes(node)
    )
