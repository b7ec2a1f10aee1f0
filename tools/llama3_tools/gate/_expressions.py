"""What each kind of expression may stand for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable

from llama3_tools.gate import _numbers, _texts
from llama3_tools.gate._returns import join, returned
from llama3_tools.gate._values import (
    LONGEST_TEXT,
    MOST_ITEMS,
    MOST_VALUES,
    PATHS,
    UNKNOWN,
    UNSEEN,
    Const,
    Made,
    Reader,
    Ref,
    Row,
    Table,
    Unknown,
    Value,
    Values,
    item,
    member,
    text_of,
)

_CONSTANTS: dict[Values, Values] = {
    frozenset({Ref("sys.maxsize")}): frozenset({Const(sys.maxsize)}),
    frozenset({Ref("os.sep")}): frozenset({Const("/")}),
    frozenset({Ref("os.path.sep")}): frozenset({Const("/")}),
}
_LOOKUPS = frozenset({"globals", "locals", "vars"})


def read(reader: Reader, node: ast.AST) -> Values:
    """Everything `node` may stand for."""
    return _RESOLVERS.get(type(node), _unknown)(reader, node)


def is_namespace(reader: Reader, node: ast.AST) -> bool:
    """Whether `node` is `globals()`, `locals()` or `vars()`."""
    if not isinstance(node, ast.Call) or node.args:
        return False
    return any(name in _LOOKUPS for name in reader.names(node.func))


def _unknown(_: Reader, __: ast.AST) -> Values:
    return UNKNOWN


def _constant(_: Reader, node: ast.Constant) -> Values:
    value = node.value
    if isinstance(value, str | bytes) and len(value) > LONGEST_TEXT:
        return UNKNOWN
    if value is None or isinstance(value, str | bytes | int | float):
        return frozenset({Const(value)})
    return UNKNOWN


def _name(reader: Reader, node: ast.Name) -> Values:
    return reader.name(node.id)


def _attribute(reader: Reader, node: ast.Attribute) -> Values:
    values = member(reader(node.value), node.attr)
    return _CONSTANTS.get(values, values)


def _walrus(reader: Reader, node: ast.NamedExpr | ast.Await | ast.Starred) -> Values:
    return reader(node.value)


def _either(reader: Reader, node: ast.IfExp) -> Values:
    return reader(node.body) | reader(node.orelse)


def _any_of(reader: Reader, node: ast.BoolOp) -> Values:
    return frozenset[Value]().union(*map(reader, node.values))


def _row(reader: Reader, node: ast.List | ast.Tuple | ast.Set) -> Values:
    if len(node.elts) > MOST_ITEMS or any(isinstance(part, ast.Starred) for part in node.elts):
        return UNKNOWN
    return frozenset({Row(tuple(map(reader, node.elts)))})


def _table(reader: Reader, node: ast.Dict) -> Values:
    if len(node.keys) > MOST_ITEMS:
        return UNKNOWN
    pairs = ((key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None)
    return frozenset(
        {Table(tuple((text, reader(value)) for key, value in pairs for text in reader.texts(key)[:1]))}
    )


def _subscript(reader: Reader, node: ast.Subscript) -> Values:
    if is_namespace(reader, node.value):
        return frozenset[Value]().union(*map(reader.name, reader.texts(node.slice))) or UNKNOWN
    if isinstance(node.slice, ast.Slice):
        bounds = [reader(end) for end in (node.slice.lower, node.slice.upper, node.slice.step)]
        return frozenset(_texts.sliced(value, node.slice, bounds) for value in reader(node.value))
    return item(reader(node.value), reader(node.slice))


def _operation(reader: Reader, node: ast.BinOp) -> Values:
    left, right = reader(node.left), reader(node.right)
    return combined(node.op, left, right)


def combined(operator: ast.operator, left: Values, right: Values) -> Values:
    """`left operator right`, for everything that they may be."""
    if len(left) * len(right) > MOST_VALUES:
        return UNKNOWN
    return frozenset(_combine(operator, one, other) for one in left for other in right)


def _combine(operator: ast.operator, left: Value, right: Value) -> Value:
    if isinstance(operator, ast.Div) and isinstance(left, Made) and left.name in PATHS:
        tail = text_of(right)
        return Made(
            left.name,
            None if left.path is None and tail is None else join(left.path or UNSEEN, tail or UNSEEN),
        )
    if isinstance(operator, ast.Mod) and not _is_number(left):
        return _texts.interpolated(left, right)
    if isinstance(operator, ast.Mult) and not _is_number(left):
        return _repeated(left, right)
    if _is_number(left) and _is_number(right):
        value = _numbers.fold(operator, _number(left), _number(right))
        return Unknown() if value is None else Const(value)
    return _texts.concatenated(left, right) if isinstance(operator, ast.Add) else Unknown()


def _repeated(left: Value, right: Value) -> Value:
    """`left * right` of a text or a row; so many of the same are as good as one."""
    if isinstance(left, Row):
        return left
    text, times = text_of(left), _number(right) if _is_number(right) else 1
    if text is None or len(text) * times > LONGEST_TEXT:
        return Unknown()
    return Const(text * int(times))


def _is_number(value: Value) -> bool:
    return isinstance(value, Const) and isinstance(value.value, int | float)


def _number(value: Value) -> float:
    assert isinstance(value, Const)
    assert isinstance(value.value, int | float)
    return value.value


def _sign(reader: Reader, node: ast.UnaryOp) -> Values:
    if not isinstance(node.op, ast.USub):
        return UNKNOWN
    return frozenset(
        Const(-_number(value)) if _is_number(value) else Unknown() for value in reader(node.operand)
    )


_RESOLVERS: dict[type[ast.AST], Callable[..., Values]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.NamedExpr: _walrus,
    ast.Await: _walrus,
    ast.Starred: _walrus,
    ast.IfExp: _either,
    ast.BoolOp: _any_of,
    ast.List: _row,
    ast.Tuple: _row,
    ast.Set: _row,
    ast.Dict: _table,
    ast.Subscript: _subscript,
    ast.BinOp: _operation,
    ast.UnaryOp: _sign,
    ast.JoinedStr: _texts.joined,
    ast.Call: returned,
}
