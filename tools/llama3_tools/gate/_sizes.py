"""Sequences, numbers, arrays and files beyond any memory or disk, where their size is in sight."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report, attribute_of
from llama3_tools.gate._numbers import bits, power_bits
from llama3_tools.gate._values import Const, Row, Values, number_of, texts_of

_MOST_ITEMS = 500_000_000
_MOST_BITS = 50_000_000
_MOST_FACTORIAL = 5_000_000
_LARGEST_FILE = 20_000_000_000
_SHAPED = frozenset(
    {
        f"numpy.{name}"
        for name in ("zeros", "ones", "empty", "full", "arange", "linspace", "bytes", "random.bytes")
    }
    | {
        f"{library}.{name}"
        for library in ("torch", "jax.numpy", "cupy")
        for name in ("zeros", "ones", "empty", "full")
    }
    | {"bytearray", "bytes", "mmap.mmap", "multiprocessing.shared_memory.SharedMemory"}
)
_DIMENSIONS = frozenset(
    {"numpy.random.rand", "numpy.random.randn", "torch.rand", "torch.randn", "torch.zeros", "torch.ones"}
)
_SIZED = frozenset(
    [
        "normal",
        "random",
        "uniform",
        "integers",
        "standard_normal",
        "choice",
        "randint",
        "binomial",
        "poisson",
        "exponential",
        "random_sample",
    ]
)
_SLOW_PATTERN = re.compile(r"\((?:\?:)?(?:\[[^\]]{1,40}\]|\\?[\w.])[+*]\)[+*]")


def check_size(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Sequences repeated, numbers raised, arrays and files made beyond any memory."""
    if isinstance(node, ast.BinOp) and _is_too_big(cell, node):
        yield Report("resource.memory", node.lineno)
    if not isinstance(node, ast.Call):
        return
    names = set(cell.resolve.names(node.func))
    names |= {node.func.id} if isinstance(node.func, ast.Name) else set()
    if _items(cell, node, names) > _MOST_ITEMS:
        yield Report("resource.memory", node.lineno)
    if names & {"math.factorial"} and _number(cell, node.args[:1]) > _MOST_FACTORIAL:
        yield Report("resource.memory", node.lineno)
    if attribute_of(node) in {"truncate", "seek"} and _number(cell, node.args[:1]) > _LARGEST_FILE:
        yield Report("resource.disk", node.lineno, attribute_of(node))
    if "os.truncate" in names and _number(cell, node.args[1:2]) > _LARGEST_FILE:
        yield Report("resource.disk", node.lineno, "os.truncate")
    if any(name.startswith("re.") for name in names) and _is_slow(cell, node.args[:1]):
        yield Report("resource.pattern", node.lineno)


def _is_slow(cell: Cell, pattern: list[ast.expr]) -> bool:
    """Whether a pattern repeats what is itself repeated without bound, and nothing else."""
    return any(_SLOW_PATTERN.search(text) for node in pattern for text in texts_of(cell.resolve(node)))


def _is_too_big(cell: Cell, node: ast.BinOp) -> bool:
    left, right = number_of(cell.resolve(node.left)), number_of(cell.resolve(node.right))
    if isinstance(node.op, ast.Mult):
        return not _is_product(cell.parent(node)) and _repeats(cell, _factors(node))
    if left is None or right is None or isinstance(left, bool):
        return False
    whole = all(_is_whole(cell.resolve(side)) for side in (node.left, node.right))
    if isinstance(node.op, ast.Pow):
        return whole and power_bits(left, right) > _MOST_BITS
    return isinstance(node.op, ast.LShift) and whole and bits(left) + right > _MOST_BITS


def _is_whole(values: Values) -> bool:
    """Whether all numbers are whole ones; infinity stands for whole numbers too large to hold."""
    return all(
        isinstance(value, Const) and (isinstance(value.value, int) or value.value == math.inf)
        for value in values
    )


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
    times = math.prod(max(1.0, number_of(cell.resolve(factor)) or 0) for factor in factors)
    return times > _MOST_ITEMS and any(_is_sequence(cell, factor) for factor in factors)


def _is_sequence(cell: Cell, node: ast.expr) -> bool:
    return isinstance(node, ast.List | ast.Tuple) or any(
        isinstance(value, Row) or (isinstance(value, Const) and isinstance(value.value, str | bytes))
        for value in cell.resolve(node)
    )


def _items(cell: Cell, node: ast.Call, names: set[str]) -> float:
    """How many items the call makes at least."""
    if names & _DIMENSIONS and len(node.args) > 1:
        return math.prod(max(1.0, number_of(cell.resolve(argument)) or 0) for argument in node.args)
    if names & (_SHAPED | _DIMENSIONS) or names & {"numpy.eye", "numpy.identity"}:
        size = _shape(
            cell.argument(node, 1 if names & {"numpy.linspace"} else 0, "shape", "size", "stop", "num", "N")
        )
        return size**2 if names & {"numpy.eye", "numpy.identity"} else max(size, _end(cell, node, names))
    return _shape(cell.given(node).get("size", frozenset())) if attribute_of(node) in _SIZED else 0


def _end(cell: Cell, node: ast.Call, names: set[str]) -> float:
    if not names & {"numpy.arange"} or len(node.args) != 2:
        return 0
    low, high = (number_of(cell.resolve(argument)) or 0 for argument in node.args)
    return high - low


def _shape(values: Values) -> float:
    rows = [value for value in values if isinstance(value, Row)]
    sizes = [math.prod(max(1.0, number_of(item) or 0) for item in row.items) for row in rows if row.items]
    return max([*sizes, number_of(values) or 0])


def _number(cell: Cell, arguments: list[ast.expr]) -> float:
    return (number_of(cell.resolve(arguments[0])) or 0) if arguments else 0
