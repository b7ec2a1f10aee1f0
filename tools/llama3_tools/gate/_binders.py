"""How each kind of statement gives names their values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType

from llama3_tools.gate import _names, _tables
from llama3_tools.gate._expressions import combined
from llama3_tools.gate._values import UNKNOWN, Reader, Ref, Row, Values, parts


def _import(reader: Reader, node: ast.Import) -> None:
    for alias in node.names:
        root = alias.name.partition(".")[0]
        reader.bind(alias.asname or root, frozenset({Ref(alias.name if alias.asname else root)}))


def _from(reader: Reader, node: ast.ImportFrom) -> None:
    if node.level:
        return
    for alias in node.names:
        if alias.name == "*":
            _star(reader, node.module or "")
        else:
            reader.bind(alias.asname or alias.name, frozenset({Ref(f"{node.module}.{alias.name}")}))


def _star(reader: Reader, module: str) -> None:
    prefix = _names.canonical(module) + "."
    for name in (*_tables.EXACT, *_tables.MODULES):
        if name.startswith(prefix) and "." not in name[len(prefix) :]:
            reader.bind(name[len(prefix) :], frozenset({Ref(name)}))


def _target(reader: Reader, target: ast.AST, values: Values) -> None:
    if isinstance(target, ast.Name):
        reader.bind(target.id, values)
    elif isinstance(target, ast.Starred):
        _target(reader, target.value, UNKNOWN)
    elif isinstance(target, ast.Tuple | ast.List):
        for index, part in enumerate(target.elts):
            _target(reader, part, _nth(values, index, len(target.elts)))


def _nth(values: Values, index: int, length: int) -> Values:
    """The part of `values` that unpacking gives to the target at `index`."""
    rows = [value for value in values if isinstance(value, Row)]
    if rows and len(rows) == len(values) and all(len(row.items) == length for row in rows):
        return frozenset(value for row in rows for value in row.items[index])
    return parts(values)


def _assign(reader: Reader, node: ast.Assign) -> None:
    for target in node.targets:
        _target(reader, target, reader(node.value))


def _annotated(reader: Reader, node: ast.AnnAssign | ast.NamedExpr) -> None:
    if node.value is not None:
        _target(reader, node.target, reader(node.value))


def _augmented(reader: Reader, node: ast.AugAssign) -> None:
    if isinstance(node.target, ast.Name):
        reader.bind(
            node.target.id, combined(node.op, reader.name(node.target.id), reader(node.value)) | UNKNOWN
        )


def _loop(reader: Reader, node: ast.For | ast.AsyncFor | ast.comprehension) -> None:
    for values in _turns(reader(node.iter)):
        _target(reader, node.target, values)


def _turns(values: Values) -> list[Values]:
    rows = [value for value in values if isinstance(value, Row)]
    return [turn for row in rows for turn in row.items] if len(rows) == len(values) else [parts(values)]


def _with(reader: Reader, node: ast.withitem) -> None:
    if node.optional_vars is not None:
        _target(reader, node.optional_vars, reader(node.context_expr))


def _definition(reader: Reader, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    reader.bind(node.name, UNKNOWN)


def _argument(reader: Reader, node: ast.arg) -> None:
    reader.bind(node.arg, UNKNOWN)


def _caught(reader: Reader, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
    if node.name:
        reader.bind(node.name, UNKNOWN)


def _defaults(reader: Reader, node: ast.arguments) -> None:
    positional = [*node.posonlyargs, *node.args]
    pairs = list(zip(reversed(positional), reversed(node.defaults), strict=False))
    for argument, default in [*pairs, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]:
        if default is not None:
            reader.bind(argument.arg, reader(default))


BINDERS: Mapping[type[ast.AST], Callable[..., None]] = MappingProxyType(
    {
        ast.Import: _import,
        ast.ImportFrom: _from,
        ast.Assign: _assign,
        ast.AnnAssign: _annotated,
        ast.NamedExpr: _annotated,
        ast.For: _loop,
        ast.AsyncFor: _loop,
        ast.comprehension: _loop,
        ast.AugAssign: _augmented,
        ast.withitem: _with,
        ast.FunctionDef: _definition,
        ast.AsyncFunctionDef: _definition,
        ast.ClassDef: _definition,
        ast.arg: _argument,
        ast.arguments: _defaults,
        ast.ExceptHandler: _caught,
        ast.MatchAs: _caught,
        ast.MatchStar: _caught,
    }
)
