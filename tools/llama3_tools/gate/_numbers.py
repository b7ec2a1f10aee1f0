"""Constant arithmetic that cannot run away."""

from __future__ import annotations

import ast
import math

_MOST_BITS = 2048


def fold(operator: ast.operator, left: float, right: float) -> float | None:
    """`left operator right`; infinity where it would be very large, `None` where it is not worked out."""
    try:
        return _fold(operator, left, right)
    except (ArithmeticError, ValueError):
        return None


def _fold(operator: ast.operator, left: float, right: float) -> float | None:
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Mult):
        return math.inf if bits(left) + bits(right) > _MOST_BITS else left * right
    if isinstance(operator, ast.Pow):
        value: float = math.inf if power_bits(left, right) > _MOST_BITS else left**right
        return value
    if isinstance(operator, ast.LShift):
        shifts = isinstance(left, int) and isinstance(right, int)
        return None if not shifts else math.inf if right > _MOST_BITS else int(left) << int(right)
    if isinstance(operator, ast.FloorDiv):
        return left // right
    return left / right if isinstance(operator, ast.Div) else None


def bits(number: float) -> float:
    """About how many bits the whole part of `number` has."""
    return math.log2(abs(number) + 1) if math.isfinite(number) else math.inf


def power_bits(base: float, exponent: float) -> float:
    """About how many bits `base ** exponent` has."""
    return (
        0.0 if exponent <= 0 else math.log2(max(abs(base), 1)) * exponent if math.isfinite(base) else math.inf
    )
