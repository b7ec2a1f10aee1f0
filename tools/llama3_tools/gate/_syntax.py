"""The syntax layer: the tree of the code, with its names resolved, against the tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from llama3_tools.gate import _names
from llama3_tools.gate._cell import Cell, Check, Report
from llama3_tools.gate._expressions import is_namespace
from llama3_tools.gate._rules import found, threat
from llama3_tools.gate._types import Finding
from llama3_tools.gate._values import Ref, Unknown


def scan_tree(cell: Cell, checks: Mapping[type[ast.AST], tuple[Check, ...]]) -> list[Finding]:
    """The findings of `checks` over every node of `cell`."""
    reports = [
        report for node in cell.nodes for check in checks.get(type(node), ()) for report in check(cell, node)
    ]
    used = {_subject(report) for report in reports if not report.passing}
    kept = [report for report in reports if not report.passing or _subject(report) not in used]
    return [found(report.rule, report.line, report.name) for report in kept]


def _subject(report: Report) -> tuple[str, str]:
    return threat(report.rule), report.name.partition(".")[0]


def check_import(_: Cell, node: ast.AST) -> Iterator[Report]:
    """Modules whose import alone tells what is meant."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        names = [
            f"{node.module}.{alias.name}" if alias.name != "*" else str(node.module) for alias in node.names
        ]
    else:
        return
    line = getattr(node, "lineno", 0)
    for name in names:
        hit = _names.lookup(name)
        if hit:
            yield Report(hit[0], line, hit[1], passing=True)


def check_reference(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Dangerous names, called or not, and modules that are handed around."""
    if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return
    parent = cell.parent(node)
    if isinstance(parent, ast.Attribute):
        return
    for value in cell.resolve(node):
        if isinstance(value, Ref):
            yield from _judge_reference(cell, node, parent, value.name)


def _judge_reference(cell: Cell, node: ast.expr, parent: ast.AST | None, name: str) -> Iterator[Report]:
    hit = _names.lookup(name)
    if hit and not _is_excused(cell, hit[1], node, parent):
        yield Report(*_at(hit, node), passing=_is_alias(parent))
    elif _names.canonical(name) in _names.ROOTS and _escapes(cell, parent):
        yield Report("dynamic.module", node.lineno, _names.canonical(name))


def _at(hit: tuple[str, str], node: ast.expr) -> tuple[str, int, str]:
    return hit[0], node.lineno, hit[1]


def _is_alias(parent: ast.AST | None) -> bool:
    return isinstance(parent, ast.Assign) and all(isinstance(target, ast.Name) for target in parent.targets)


def _is_excused(cell: Cell, name: str, node: ast.expr, parent: ast.AST | None) -> bool:
    """Names whose harm depends on their arguments; `_calls` judges those."""
    if name in JUDGED_BY_CALL:
        return isinstance(parent, ast.Call) and parent.func is node
    if name == "compile" and isinstance(node, ast.Name):
        values = cell.resolve.bound.get("compile", frozenset())
        return bool(values) and not any(
            isinstance(value, Unknown) or value == Ref("compile") for value in values
        )
    return name == "os.environ" and _writes_environment(cell, node, parent)


JUDGED_BY_CALL = frozenset({"os.chmod", "os.chdir", "torch.load", "yaml.load", "yaml.load_all"})
_UNSAFE_VARIABLES = _names.words(
    "PATH PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONINSPECT LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT "
    "BASH_ENV ENV IFS HTTP_PROXY HTTPS_PROXY http_proxy https_proxy SHELL HOME BROWSER EDITOR "
    "PAGER GIT_SSH_COMMAND"
)


def _writes_environment(cell: Cell, node: ast.expr, parent: ast.AST | None) -> bool:
    if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
        key: ast.AST | None = parent.slice
    elif (
        isinstance(node, ast.Attribute)
        and node.attr == "setdefault"
        and isinstance(parent, ast.Call)
        and parent.args
    ):
        key = parent.args[0]
    else:
        return False
    values, texts = cell.resolve(key), cell.resolve.texts(key)
    return len(texts) == len(values)


def check_environment(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """Variables that decide how programs start."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Store | ast.Del):
        return
    if "os.environ" in cell.resolve.names(node.value):
        for text in cell.resolve.texts(node.slice):
            if text in _UNSAFE_VARIABLES:
                yield Report("privilege.environment", node.lineno, text)


def _escapes(cell: Cell, parent: ast.AST | None) -> bool:
    """Whether a module is put where its functions can be reached unseen."""
    if parent is None:
        return False
    holder = cell.parent(parent)
    if isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr):
        targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
        return isinstance(holder, ast.ClassDef) or not all(isinstance(target, ast.Name) for target in targets)
    if isinstance(parent, ast.Tuple):
        unpacked = isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Tuple)
        return not unpacked and not isinstance(holder, ast.For | ast.comprehension | ast.Subscript)
    if isinstance(parent, ast.Call):
        function = parent.func
        named = function.id if isinstance(function, ast.Name) else ""
        return named not in {"getattr", "hasattr", "print", "type", "dir", "help", "repr", "id"}
    return not isinstance(parent, ast.Expr | ast.Delete | ast.Compare)


def check_internals(_: Cell, node: ast.AST) -> Iterator[Report]:
    """Attributes that lead from any object to the interpreter."""
    if isinstance(node, ast.Attribute) and node.attr in _names.INTERNALS:
        yield Report("dynamic.internals", node.lineno, node.attr)


def check_namespace(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """`globals()[...]` read by a computed or a dangerous name, and `__dict__` of a module."""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and is_namespace(cell.resolve, node.value)
    ):
        if not cell.resolve.texts(node.slice):
            yield Report("dynamic.internals", node.lineno, "globals")
        for name in cell.resolve.names(node):
            hit = _names.lookup(name)
            if hit:
                yield Report(*_at(hit, node))
    elif isinstance(node, ast.Attribute) and node.attr == "__dict__":
        for name in cell.resolve.names(node.value):
            if name in _names.ROOTS:
                yield Report("dynamic.module", node.lineno, name)
