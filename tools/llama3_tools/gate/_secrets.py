"""Passwords and keys written down: under names that say so, or in a form that only keys have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report

TOKENS = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|xox[abeprs]-[0-9A-Za-z-]{10,80}|hf_[A-Za-z0-9]{30,60}|"
    r"sk-[A-Za-z0-9_-]{32,200}|[sr]k_(?:live|test)_[0-9A-Za-z]{16,80}|gh[pousr]_[0-9A-Za-z]{30,80}|"
    r"github_pat_[0-9A-Za-z_]{30,100}|glpat-[0-9A-Za-z_-]{20,40}|npm_[0-9A-Za-z]{36}|AIza[0-9A-Za-z_-]{35}|"
    r"SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{16,64}|eyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{4,800}\.[0-9A-Za-z_-]{10,200})"
)
"""Keys that their form gives away."""

CREDENTIALS = re.compile(
    r"\b[a-z][a-z0-9+]{2,20}://[^\s:/@'\"]{1,64}:([^\s:/@'\"{}<>$%]{3,64})@[\w.-]", re.IGNORECASE
)
"""A password inside an address."""

_CONNECTION = re.compile(r"(?:^|;)\s*(?:password|pwd)\s*=\s*([^;\s{}<>]{4,64})(?:;|$)", re.IGNORECASE)
_PASSWORD = re.compile(r"(^|_)(passwords?|passwd|pwd|pass|passphrase)$", re.IGNORECASE)
_KEY = re.compile(
    r"(^|_)(secret|(api|access|secret|private|encryption|account)_?key|access_key_id|client_?secret|"
    r"(auth|access|api|bot|refresh|bearer|github|hf|personal)_?token|token)$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"(?<![a-z0-9])(your|example|xxx|change_?me|placeholder|dummy|redacted|todo)|<|\*\*|\s|\.\.\.",
    re.IGNORECASE,
)
_WORDS = frozenset(
    [
        "pass",
        "password",
        "passwd",
        "pwd",
        "secret",
        "token",
        "string",
        "text",
        "str",
        "none",
        "null",
        "true",
        "false",
        "hidden",
        "user",
        "username",
        "root",
        "postgres",
        "mysql",
        "guest",
        "test",
    ]
)


def check_secret(_: Cell, node: ast.AST) -> Iterator[Report]:
    """Constants given to, or compared with, names that say what they are."""
    for name, value in _named(node):
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            loose = not isinstance(node, ast.Dict | ast.Subscript)
            if looks_secret(name, value.value, loose=loose):
                yield Report("secret.literal", value.lineno)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 1000:
        match = _CONNECTION.search(node.value)
        if match and not _PLACEHOLDER.search(match.group(1)) and match.group(1).lower() not in _WORDS:
            yield Report("secret.literal", node.lineno)


def is_password(text: str) -> bool:
    """Whether `text`, found where a password stands, is one."""
    return not _PLACEHOLDER.search(text) and text.lower() not in _WORDS


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
    if _PLACEHOLDER.search(value) or value.lower() in _WORDS:
        return False
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    if _PASSWORD.search(name):
        return (len(value) >= 8 and mixed) or (loose and len(value) >= 5 and not value.startswith(("/", ".")))
    return bool(_KEY.search(name)) and len(value) >= 8 and mixed
