"""Functions that call themselves before anything could stop them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report

_BRANCHES = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match, ast.AsyncFor, ast.AsyncWith)


def check_recursion(_: Cell, node: ast.AST) -> Iterator[Report]:
    """Functions that call themselves before anything could stop them."""
    if isinstance(node, ast.FunctionDef) and not node.decorator_list and _calls_itself(node):
        yield Report("resource.recursion", node.lineno, node.name)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        for name in names:
            if _has_plain_call(node.value.body, name):
                yield Report("resource.recursion", node.lineno, name)


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
