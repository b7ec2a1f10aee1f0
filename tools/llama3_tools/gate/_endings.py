"""Whether a condition stays true, whether an iteration ends, and after how many turns. Certainties only."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from llama3_tools.gate._cell import Cell
from llama3_tools.gate._values import Const, Made, Row, Values, number_of, texts_of

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_EMPTY_MAKERS = frozenset({"int", "str", "list", "dict", "float", "tuple", "set"})


def stays_true(cell: Cell, loop: ast.While) -> bool:
    """Whether the condition of a loop is true and nothing in the loop can change that."""
    if _moves_away(cell, loop):
        return True
    names = {part.id for part in ast.walk(loop.test) if isinstance(part, ast.Name)}
    return not names & _set_in(cell, loop) and _truth(cell, loop.test) is True


def _truth(cell: Cell, node: ast.expr) -> bool | None:
    """What the condition is, where constants decide it."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(cell, node.operand)
        return None if inner is None else not inner
    if isinstance(node, ast.BoolOp):
        parts = [_truth(cell, part) for part in node.values]
        if any(part is None for part in parts):
            return None
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare):
        return _compared(cell, node)
    if isinstance(node, ast.Constant | ast.Name):
        known, value = _constant(cell, node)
        return bool(value) if known else None
    return None


def _compared(cell: Cell, node: ast.Compare) -> bool | None:
    sides = [_constant(cell, side) for side in (node.left, *node.comparators)]
    compare = _COMPARISONS.get(type(node.ops[0]))
    if len(sides) != 2 or compare is None or not all(known for known, _ in sides):
        return None
    try:
        return bool(compare(sides[0][1], sides[1][1]))
    except TypeError:
        return None


def _constant(cell: Cell, node: ast.expr) -> tuple[bool, object]:
    """Whether `node` is one constant only, and which."""
    values = cell.resolve(node)
    value = next(iter(values))
    return (True, value.value) if len(values) == 1 and isinstance(value, Const) else (False, None)


def _moves_away(cell: Cell, loop: ast.While) -> bool:
    """`while n >= 0: n += 1`: the only thing that changes leads away from the end."""
    test = loop.test
    if not (isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and len(test.ops) == 1):
        return False
    if not isinstance(test.comparators[0], ast.Constant):
        return False
    away = {ast.Gt: ast.Add, ast.GtE: ast.Add, ast.Lt: ast.Sub, ast.LtE: ast.Sub}.get(type(test.ops[0]))
    name = test.left.id
    steps = [
        part for part in ast.walk(loop) if isinstance(part, ast.AugAssign) and _is_name(part.target, name)
    ]
    stores = [part for part in ast.walk(loop) if _is_name(part, name) and _is_store(part)]
    leads_away = all(
        away is not None and isinstance(step.op, away) and isinstance(step.value, ast.Constant)
        for step in steps
    )
    positive = all((number_of(cell.resolve(step.value)) or 0) > 0 for step in steps)
    return len(steps) == len(stores) > 0 and leads_away and positive and name not in cell.shared


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_store(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def _set_in(cell: Cell, loop: ast.While) -> set[str]:
    """Names set in the loop, or declared to be set from elsewhere."""
    return {
        part.id for part in ast.walk(loop) if isinstance(part, ast.Name) and _is_store(part)
    } | cell.shared


def never_ends(cell: Cell, node: ast.expr) -> bool:
    """Whether iterating over `node` never ends: `itertools.count()`, `iter(int, 1)`."""
    if not isinstance(node, ast.Call):
        values = cell.resolve(node)
        return bool(values) and all(isinstance(value, Made) and _counts(value.name) for value in values)
    names = set(cell.resolve.names(node.func))
    if "itertools.repeat" in names:
        return len(node.args) == 1 and not node.keywords
    if "iter" in names and len(node.args) == 2:
        return isinstance(node.args[0], ast.Name) and node.args[0].id in _EMPTY_MAKERS
    return any(map(_counts, names))


def _counts(name: str) -> bool:
    return name in {"itertools.count", "itertools.cycle"}


def length(cell: Cell, node: ast.expr) -> float:
    """How many items iterating over `node` gives, where that is certain; else 0."""
    if not isinstance(node, ast.Call) or not node.args:
        return _written_length(cell.resolve(node))
    names = set(cell.resolve.names(node.func))
    if "range" in names:
        return _range(cell, node)
    if "itertools.product" in names:
        repeat = number_of(cell.given(node).get("repeat", frozenset())) or 1
        return _power(math.prod(length(cell, argument) for argument in node.args), repeat)
    if "itertools.permutations" in names:
        count = length(cell, node.args[0])
        chosen = number_of(cell.resolve(node.args[1])) if len(node.args) > 1 else count
        return float(math.perm(int(count), int(chosen or 0))) if 0 <= (chosen or 0) <= count < 100 else 0
    return 0


def _written_length(values: Values) -> float:
    rows = [len(value.items) for value in values if isinstance(value, Row)]
    found = [*rows, *map(len, texts_of(values))]
    return found[0] if len(values) == len(found) == 1 else 0


def _range(cell: Cell, node: ast.Call) -> float:
    ends = [number_of(cell.resolve(argument)) for argument in node.args]
    if any(end is None for end in ends):
        return 0
    known = [end or 0 for end in ends]
    low, high = (0.0, known[0]) if len(known) == 1 else (known[0], known[1])
    return max(0.0, (high - low) / (known[2] if len(known) > 2 and known[2] > 0 else 1))


def _power(base: float, exponent: float) -> float:
    return base**exponent if base <= 1 or exponent * math.log10(base) < 300 else math.inf
