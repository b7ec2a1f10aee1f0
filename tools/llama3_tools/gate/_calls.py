"""Everything that only a call's arguments tell."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from llama3_tools.gate import _crypto, _loaders, _lookups, _opened, _queries
from llama3_tools.gate._cell import Cell, Report

Judge = Callable[[Cell, ast.Call, set[str]], Iterator[Report]]
_JUDGES: tuple[Judge, ...] = (
    _lookups.judge_lookup,
    _lookups.judge_method,
    _lookups.judge_download,
    _lookups.judge_expressions,
    _lookups.judge_format,
    _opened.judge_delete,
    _opened.judge_write,
    _opened.judge_read,
    _opened.judge_permissions,
    _opened.judge_startup,
    _loaders.judge_loaders,
    _queries.judge_query,
    _crypto.judge_crypto,
)


def check_call(cell: Cell, node: ast.AST) -> Iterator[Report]:
    """What the judges say of a call, each knowing the names it may go by."""
    if not isinstance(node, ast.Call):
        return
    names = set(cell.resolve.names(node.func))
    for judge in _JUDGES:
        yield from judge(cell, node, names)
