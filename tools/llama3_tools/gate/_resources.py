"""Loops without an end, sizes without a bound, and secrets written down."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from llama3_tools.gate._resolve import Const
from llama3_tools.gate._syntax import Cell, Report

_MOST_ITEMS = 500_000_000
_MOST_BITS = 50_000_000
_EXITS = (ast.Break, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom, ast.Await)
_LEAVERS = frozenset({"exit", "quit", "sys.exit", "os._exit"})
_ARRAYS = frozenset(
    {
        "numpy.zeros",
        "numpy.ones",
        "numpy.empty",
        "numpy.full",
        "numpy.arange",
        "numpy.eye",
        "numpy.random.rand",
        "numpy.random.randn",
        "bytearray",
        "bytes",
    }
)
_SECRET_NAME = re.compile(
    r"(^|_)(password|passwd|pwd|secret|api_?key|access_?key|auth_?token|access_?token|private_?key)$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"(your|example|xxx|<|\*\*|changeme|placeholder|dummy|\s)", re.IGNORECASE)


def check_loop(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """`while True`, or a loop over `itertools.count()`, with nothing that leaves it."""
    if not isinstance(node, ast.While | ast.For) or not _is_endless(cell, node):
        return
    inside = [part for statement in node.body for part in ast.walk(statement)]
    leaves = any(isinstance(part, _EXITS) for part in inside)
    if not leaves and not any(
        isinstance(part, ast.Call) and _LEAVERS & _plain_names(cell, part) for part in inside
    ):
        yield Report("resource.loop", node.lineno)


def _is_endless(cell: Cell, node: ast.While | ast.For) -> bool:
    if isinstance(node, ast.While):
        return isinstance(node.test, ast.Constant) and bool(node.test.value)
    return isinstance(node.iter, ast.Call) and "itertools.count" in cell.resolve.names(node.iter.func)


def _plain_names(cell: Cell, node: ast.Call) -> set[str]:
    plain = {node.func.id} if isinstance(node.func, ast.Name) else set()
    return plain | set(cell.resolve.names(node.func))


def check_size(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Sequences repeated, numbers raised and arrays made beyond any memory."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        too_big = not _is_product(cell.parent(node)) and _repeats(cell, _factors(node))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
        too_big = _bits(node) > _MOST_BITS
    elif isinstance(node, ast.Call) and _ARRAYS & (
        set(cell.resolve.names(node.func)) | _plain_names(cell, node)
    ):
        too_big = bool(node.args) and _items(node.args[0]) > _MOST_ITEMS
    else:
        return
    if too_big:
        yield Report("resource.memory", node.lineno)


def _is_product(node: ast.AST | None) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _factors(node: ast.expr) -> list[ast.expr]:
    """The operands of a chain of multiplications."""
    factors: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        factors.append(node.right)
        node = node.left
    return [*factors, node]


def _repeats(cell: Cell, factors: list[ast.expr]) -> bool:
    times = math.prod(max(1.0, _number(factor)) for factor in factors)
    return times > _MOST_ITEMS and any(_is_sequence(cell, factor) for factor in factors)


def _is_sequence(cell: Cell, node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.Tuple) or any(
        isinstance(value, Const) and isinstance(value.value, str | bytes) for value in cell.resolve(node)
    )


def _items(shape: ast.expr) -> float:
    if isinstance(shape, ast.Tuple | ast.List):
        return math.prod(_number(part) for part in shape.elts) if len(shape.elts) < 32 else 0
    return _number(shape)


def _bits(node: ast.BinOp) -> float:
    base, exponent = _number(node.left), _number(node.right)
    if isinstance(node.op, ast.LShift):
        return exponent
    whole = isinstance(node.left, ast.Constant) and isinstance(node.left.value, float)
    return 0 if base < 2 or whole else exponent * math.log2(min(base, 1e300))


def _number(node: ast.expr, depth: int = 4) -> float:
    """The value of constant arithmetic, capped at 1e300; 0 where it is not constant."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return min(float(min(node.value, 10**300)), 1e300) if node.value == node.value else 0
    if isinstance(node, ast.BinOp) and depth:
        left, right = _number(node.left, depth - 1), _number(node.right, depth - 1)
        if isinstance(node.op, ast.Mult):
            return min(left * right, 1e300)
        if isinstance(node.op, ast.Pow) and left > 0:
            return 10 ** min(300.0, right * math.log10(left)) if left > 1 else 1
    return 0


def check_secret(_: Cell, node: ast.AST) -> Iterator[Report]:
    """Passwords and keys given to names that say so."""
    if isinstance(node, ast.Assign):
        pairs = [(_target_name(target), node.value) for target in node.targets]
    elif isinstance(node, ast.keyword):
        pairs = [(node.arg or "", node.value)]
    else:
        return
    for name, value in pairs:
        if (
            isinstance(value, ast.Constant)
            and isinstance(value.value, str)
            and _looks_secret(name, value.value)
        ):
            yield Report("secret.literal", value.lineno)


def _target_name(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    return target.attr if isinstance(target, ast.Attribute) else ""


def _looks_secret(name: str, value: str) -> bool:
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return bool(_SECRET_NAME.search(name)) and len(value) >= 8 and mixed and not _PLACEHOLDER.search(value)
