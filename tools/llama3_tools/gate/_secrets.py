"""Passwords and keys written down under names that say so."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report
from llama3_tools.gate._tokens import in_connection, is_password

_PASSWORD = re.compile(r"(^|_)(passwords?|passwd|passphrase)$", re.IGNORECASE)
_KEY = re.compile(
    r"(^|_)(pwd|pass|secret|(api|access|secret|private|encryption|account)_?key|access_key_id|client_?secret|"
    r"(auth|access|api|bot|refresh|bearer|github|hf|personal)_?token|token)$",
    re.IGNORECASE,
)


def check_secret(_: Cell, node: ast.AST) -> Iterator[Report]:
    """Constants given to, or compared with, names that say what they are."""
    for name, value in _named(node):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            loose = not isinstance(node, ast.Dict | ast.Subscript)
            if looks_secret(name, value.value, loose=loose):
                yield Report("secret.literal", value.lineno)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and in_connection(node.value):
        yield Report("secret.literal", node.lineno)


def _named(node: ast.AST) -> list[tuple[str, ast.expr | None]]:
    if isinstance(node, ast.Assign):
        return [pair for target in node.targets for pair in _pairs(target, node.value)]
    if isinstance(node, ast.AnnAssign | ast.NamedExpr):
        return _pairs(node.target, node.value)
    if isinstance(node, ast.keyword):
        return [(node.arg or "", node.value)]
    if isinstance(node, ast.Dict):
        return [(_text(key), value) for key, value in zip(node.keys, node.values, strict=True)]
    if isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        pairs = list(zip(reversed(positional), reversed(node.defaults), strict=False))
        return [
            (argument.arg, value)
            for argument, value in [*pairs, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
        ]
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return [(_name(node.left), node.comparators[0])]
    return []


def _pairs(target: ast.expr, value: ast.expr | None) -> list[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [
            pair
            for part, element in zip(target.elts, value.elts, strict=True)
            for pair in _pairs(part, element)
        ]
    return [(_name(target), value)]


def _name(target: ast.expr) -> str:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Subscript):
        return _text(target.slice)
    return target.attr if isinstance(target, ast.Attribute) else ""


def _text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def looks_secret(name: str, value: str, *, loose: bool) -> bool:
    """Whether `value` is a secret, by its name and its form. `loose` takes passwords without digits too."""
    if not is_password(value):
        return False
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    if loose and _PASSWORD.search(name) and len(value) >= 5 and "/" not in value:
        return True
    return bool(_PASSWORD.search(name) or _KEY.search(name)) and len(value) >= 8 and mixed
