"""What an expression stands for: names resolved through imports, aliases, attributes, `getattr` and earlier
cells.

The reading ignores the order of statements: a name may stand for everything that is ever bound to it. That
errs towards seeing too much, is linear, and cannot be misled by branches, loops or exceptions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from llama3_tools.gate import _names

_LONGEST_NAME = 200
_LONGEST_TEXT = 4096
_MOST_VALUES = 32
_PASSES = 8
_GROWTH = 2


@dataclass(frozen=True, slots=True)
class Ref:
    """The thing with this dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Const:
    """A constant known by its value."""

    value: str | bytes | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Made:
    """What calling `name`, a class of paths, returns; with the path where it is known."""

    name: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """Text put together from parts that are not all constant; `head` is its constant beginning."""

    head: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything."""


Value = Ref | Const | Made | Built | Unknown
Values = frozenset[Value]
UNKNOWN: Values = frozenset({Unknown()})
PATHS = frozenset({"pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"})
_FOLDERS = {"pathlib.Path.home": "~", "pathlib.Path.cwd": "."}
_LOOKUPS = frozenset({"globals", "locals", "vars"})


class TooComplexError(Exception):
    """The code ties more knots than the resolver follows."""


class Resolver:
    """Values of the expressions of one cell.

    `carried` holds what earlier cells of the session bound.
    """

    def __init__(self, nodes: Iterable[ast.AST], carried: Mapping[str, Values]) -> None:
        self.bound: dict[str, Values] = {}
        self._carried = carried
        self._memo: dict[int, Values] = {}
        self._turn = 0
        binders = [node for node in nodes if type(node) in _BINDERS]
        for turn in range(_PASSES):
            self._turn = turn
            before = dict(self.bound)
            self._memo.clear()
            for node in binders:
                _BINDERS[type(node)](self, node)
            if self.bound == before:
                return
        raise TooComplexError

    def __call__(self, node: ast.AST | None) -> Values:
        """Everything `node` may stand for."""
        if node is None:
            return UNKNOWN
        known = self._memo.get(id(node))
        if known is None:
            known = _RESOLVERS.get(type(node), _unknown)(self, node)
            self._memo[id(node)] = known
        return known

    def bind(self, name: str, values: Values) -> None:
        """Add `values` to what `name` may stand for."""
        known = self.bound.get(name, frozenset())
        merged = known | (
            values if self._turn == 0 else frozenset(self._widened(known, new) for new in values)
        )
        if len(merged) > _MOST_VALUES:
            merged = frozenset(value for value in merged if isinstance(value, Ref)) | UNKNOWN
        if len(merged) > _MOST_VALUES + 1:
            raise TooComplexError
        self.bound[name] = merged

    def _widened(self, known: Values, new: Value) -> Value:
        """`new`, unless it grows out of what is known, as in `text = text + "."`: that would never end."""
        if new in known:
            return new
        if isinstance(new, Ref):
            grown = any(isinstance(old, Ref) and new.name.startswith(f"{old.name}.") for old in known)
            return Unknown() if grown else new
        return new if self._turn < _GROWTH else Unknown()

    def name(self, name: str) -> Values:
        """What the bare `name` may stand for."""
        values = self.bound.get(name, frozenset()) | self._carried.get(name, frozenset())
        if not values:
            return frozenset({Ref(name)}) if name in _names.ASSUMED or name in _BUILTINS else UNKNOWN
        return values | {Ref(name)} if name in _names.STICKY else values

    def texts(self, node: ast.AST | None) -> list[str]:
        """The constant texts (or paths) that `node` may be."""
        return [text for value in self(node) if (text := _text_of(value)) is not None]

    def names(self, node: ast.AST | None) -> list[str]:
        """The dotted names that `node` may be, as their defining modules have them."""
        return [_names.canonical(value.name) for value in self(node) if isinstance(value, Ref)]


_BUILTINS = _names.words(
    "globals locals vars open getattr setattr chr str bytes bytearray range print type dir id "
    "repr len list hasattr"
)


def _text_of(value: Value) -> str | None:
    if isinstance(value, Const) and isinstance(value.value, str):
        return value.value
    if isinstance(value, Made):
        return value.path
    return None


def member(values: Values, attribute: str) -> Values:
    """What the attribute of `values` may stand for."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Ref) and len(value.name) < _LONGEST_NAME:
            found.add(Ref(f"{value.name}.{attribute}"))
        elif isinstance(value, Made) and len(value.name) < _LONGEST_NAME:
            found.add(Ref(f"{value.name}().{attribute}"))
        else:
            found.add(Unknown())
    return frozenset(found)


def _unknown(_: Resolver, __: ast.AST) -> Values:
    return UNKNOWN


def _constant(_: Resolver, node: ast.Constant) -> Values:
    value = node.value
    if isinstance(value, str | bytes) and len(value) > _LONGEST_TEXT:
        return UNKNOWN
    return (
        frozenset({Const(value)})
        if value is None or isinstance(value, str | bytes | int | float)
        else UNKNOWN
    )


def _name(resolver: Resolver, node: ast.Name) -> Values:
    return resolver.name(node.id)


def _attribute(resolver: Resolver, node: ast.Attribute) -> Values:
    return member(resolver(node.value), node.attr)


def _walrus(resolver: Resolver, node: ast.NamedExpr | ast.Await | ast.Starred) -> Values:
    return resolver(node.value)


def _either(resolver: Resolver, node: ast.IfExp) -> Values:
    return resolver(node.body) | resolver(node.orelse)


def _any_of(resolver: Resolver, node: ast.BoolOp) -> Values:
    return frozenset[Value]().union(*map(resolver, node.values))


def _subscript(resolver: Resolver, node: ast.Subscript) -> Values:
    if is_namespace(resolver, node.value):
        return frozenset[Value]().union(*map(resolver.name, resolver.texts(node.slice))) or UNKNOWN
    if _is_reversal(node.slice):
        return frozenset(Const(text[::-1]) for text in resolver.texts(node.value)) or UNKNOWN
    if isinstance(node.value, ast.List | ast.Tuple):
        return frozenset[Value]().union(*map(resolver, node.value.elts[:_MOST_VALUES])) or UNKNOWN
    return UNKNOWN


def is_namespace(resolver: Resolver, node: ast.AST) -> bool:
    """Whether `node` is `globals()`, `locals()` or `vars()`."""
    if not isinstance(node, ast.Call) or node.args:
        return False
    return any(name in _LOOKUPS for name in resolver.names(node.func))


def _is_reversal(node: ast.AST) -> bool:
    return isinstance(node, ast.Slice) and node.lower is None and node.upper is None and node.step is not None


def _operation(resolver: Resolver, node: ast.BinOp) -> Values:
    left, right = resolver(node.left), resolver(node.right)
    if len(left) * len(right) > _MOST_VALUES:
        return UNKNOWN
    found: set[Value] = set()
    for one in left:
        for other in right:
            found.add(_combine(node.op, one, other))
    return frozenset(found)


def _combine(operator: ast.operator, left: Value, right: Value) -> Value:
    head, tail = _text_of(left), _text_of(right)
    if isinstance(operator, ast.Div) and isinstance(left, Made) and left.name in PATHS:
        return Made(left.name, None if head is None or tail is None else _join(head, tail))
    if not isinstance(operator, ast.Add | ast.Mod):
        return Unknown()
    if isinstance(operator, ast.Add) and head is not None and tail is not None:
        return Const(head + tail) if len(head) + len(tail) <= _LONGEST_TEXT else Unknown()
    if isinstance(left, Built):
        return left
    return Built(head) if head is not None else Unknown()


def _join(head: str, *tails: str) -> str:
    path = head
    for tail in tails:
        path = tail if tail.startswith("/") else f"{path.rstrip('/')}/{tail}" if path else tail
    return path[:_LONGEST_TEXT]


def _joined(resolver: Resolver, node: ast.JoinedStr) -> Values:
    text = ""
    for part in node.values:
        piece = _piece(resolver, part)
        if piece is None:
            return frozenset({Built(text)})
        text += piece
    return frozenset({Const(text[:_LONGEST_TEXT])})


def _piece(resolver: Resolver, node: ast.expr) -> str | None:
    source = node.value if isinstance(node, ast.FormattedValue) else node
    values = resolver(source)
    texts = resolver.texts(source)
    return texts[0] if len(values) == len(texts) == 1 else None


def _call(resolver: Resolver, node: ast.Call) -> Values:
    folded = _fold_method(resolver, node)
    if folded is not None:
        return folded
    found: set[Value] = set()
    for value in resolver(node.func):
        found |= _result(resolver, value, node) if isinstance(value, Ref) else UNKNOWN
    return frozenset(found)


def _result(resolver: Resolver, function: Ref, node: ast.Call) -> Values:
    name = _names.canonical(function.name)
    arguments = node.args
    if name == "getattr" and len(arguments) >= 2:
        return _getattr(resolver, arguments)
    if name in {"__import__", "importlib.import_module"} and arguments:
        texts = resolver.texts(arguments[0])
        # `__import__("a.b")` gives `a`.
        roots = [text.partition(".")[0] if name == "__import__" else text for text in texts]
        return frozenset(map(Ref, roots)) or UNKNOWN
    if name in PATHS:
        return frozenset({Made(name, _path(resolver, arguments))})
    if name in _FOLDERS:
        return frozenset({Made("pathlib.Path", _FOLDERS[name])})
    if name == "os.path.join":
        path = _path(resolver, arguments)
        return UNKNOWN if path is None else frozenset({Const(path)})
    if (
        name in {"os.path.expanduser", "os.path.abspath", "os.path.realpath", "str", "os.fspath"}
        and arguments
    ):
        return frozenset(Const(text) for text in resolver.texts(arguments[0])) or UNKNOWN
    if name == "chr" and arguments:
        return (
            frozenset(Const(text) for value in resolver(arguments[0]) if (text := _character(value)))
            or UNKNOWN
        )
    if name.endswith(("().joinpath", "().expanduser", "().resolve", "().absolute", "().with_name")):
        return _derived(resolver, node)
    return UNKNOWN


def _getattr(resolver: Resolver, arguments: list[ast.expr]) -> Values:
    names = resolver.texts(arguments[1])
    return frozenset[Value]().union(*(member(resolver(arguments[0]), name) for name in names)) or UNKNOWN


def _derived(resolver: Resolver, node: ast.Call) -> Values:
    if not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    bases = resolver.texts(node.func.value)
    tails = [resolver.texts(argument) for argument in node.args]
    if not bases or not all(tails):
        return frozenset({Made("pathlib.Path")})
    return frozenset({Made("pathlib.Path", _join(bases[0], *(tail[0] for tail in tails)))})


def _path(resolver: Resolver, arguments: list[ast.expr]) -> str | None:
    parts = [resolver.texts(argument) for argument in arguments]
    if not parts or any(len(part) != 1 for part in parts):
        return None if parts else "."
    return _join(*(part[0] for part in parts))


def _character(value: Value) -> str | None:
    if isinstance(value, Const) and isinstance(value.value, int) and 0 < value.value < 0xD800:
        return chr(value.value)
    return None


def _fold_method(resolver: Resolver, node: ast.Call) -> Values | None:
    """Text methods with constant outcomes; `format` and `join` of the rest count as built text."""
    if not isinstance(node.func, ast.Attribute):
        return None
    bases = [value.value for value in resolver(node.func.value) if isinstance(value, Const)]
    if len(bases) != 1:
        return None
    base, method = bases[0], node.func.attr
    if isinstance(base, bytes) and method == "decode":
        return frozenset({Const(base.decode("utf-8", "replace"))})
    if not isinstance(base, str):
        return None
    arguments = [resolver.texts(argument) for argument in node.args]
    if method == "join" and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
        parts = [resolver.texts(element) for element in node.args[0].elts]
        return (
            frozenset({Const(base.join(part[0] for part in parts)[:_LONGEST_TEXT])})
            if all(parts)
            else UNKNOWN
        )
    if method == "format":
        return frozenset({Built(base)})
    if method == "replace" and len(arguments) == 2 and all(arguments):
        return frozenset({Const(base.replace(arguments[0][0], arguments[1][0])[:_LONGEST_TEXT])})
    simple = {"lower": base.lower, "upper": base.upper, "strip": base.strip, "swapcase": base.swapcase}
    return frozenset({Const(simple[method]())}) if method in simple and not node.args else None


_RESOLVERS: dict[type[ast.AST], Callable[..., Values]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.NamedExpr: _walrus,
    ast.Await: _walrus,
    ast.Starred: _walrus,
    ast.IfExp: _either,
    ast.BoolOp: _any_of,
    ast.Subscript: _subscript,
    ast.BinOp: _operation,
    ast.JoinedStr: _joined,
    ast.Call: _call,
}


def _bind_import(resolver: Resolver, node: ast.Import) -> None:
    for alias in node.names:
        root = alias.name.partition(".")[0]
        resolver.bind(alias.asname or root, frozenset({Ref(alias.name if alias.asname else root)}))


def _bind_from(resolver: Resolver, node: ast.ImportFrom) -> None:
    if node.level:
        return
    for alias in node.names:
        if alias.name == "*":
            _bind_star(resolver, node.module or "")
        else:
            resolver.bind(alias.asname or alias.name, frozenset({Ref(f"{node.module}.{alias.name}")}))


def _bind_star(resolver: Resolver, module: str) -> None:
    prefix = _names.canonical(module) + "."
    for name in (*_names.EXACT, *_names.MODULES):
        if name.startswith(prefix) and "." not in name[len(prefix) :]:
            resolver.bind(name[len(prefix) :], frozenset({Ref(name)}))


def _bind_target(resolver: Resolver, target: ast.AST, value: ast.AST | None) -> None:
    if isinstance(target, ast.Name):
        resolver.bind(target.id, resolver(value))
    elif isinstance(target, ast.Starred):
        _bind_target(resolver, target.value, None)
    elif isinstance(target, ast.Tuple | ast.List):
        matched = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        values = (
            value.elts if matched and isinstance(value, ast.Tuple | ast.List) else [None] * len(target.elts)
        )
        for part, element in zip(target.elts, values, strict=True):
            _bind_target(resolver, part, element)


def _bind_assign(resolver: Resolver, node: ast.Assign) -> None:
    for target in node.targets:
        _bind_target(resolver, target, node.value)


def _bind_annotated(resolver: Resolver, node: ast.AnnAssign | ast.NamedExpr) -> None:
    if node.value is not None:
        _bind_target(resolver, node.target, node.value)


def _bind_loop(resolver: Resolver, node: ast.For | ast.AsyncFor | ast.comprehension | ast.AugAssign) -> None:
    sequence = None if isinstance(node, ast.AugAssign) else node.iter
    if not isinstance(sequence, ast.Tuple | ast.List):
        _bind_target(resolver, node.target, None)
        return
    for element in sequence.elts:
        _bind_target(resolver, node.target, element)


def _bind_with(resolver: Resolver, node: ast.withitem) -> None:
    if node.optional_vars is not None:
        _bind_target(resolver, node.optional_vars, node.context_expr)


def _bind_definition(resolver: Resolver, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    resolver.bind(node.name, UNKNOWN)


def _bind_argument(resolver: Resolver, node: ast.arg) -> None:
    resolver.bind(node.arg, UNKNOWN)


def _bind_caught(resolver: Resolver, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
    if node.name:
        resolver.bind(node.name, UNKNOWN)


def _bind_defaults(resolver: Resolver, node: ast.arguments) -> None:
    positional = [*node.posonlyargs, *node.args]
    pairs = list(zip(reversed(positional), reversed(node.defaults), strict=False))
    for argument, default in [*pairs, *zip(node.kwonlyargs, node.kw_defaults, strict=True)]:
        if default is not None:
            resolver.bind(argument.arg, resolver(default))


_BINDERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Import: _bind_import,
    ast.ImportFrom: _bind_from,
    ast.Assign: _bind_assign,
    ast.AnnAssign: _bind_annotated,
    ast.NamedExpr: _bind_annotated,
    ast.For: _bind_loop,
    ast.AsyncFor: _bind_loop,
    ast.comprehension: _bind_loop,
    ast.AugAssign: _bind_loop,
    ast.withitem: _bind_with,
    ast.FunctionDef: _bind_definition,
    ast.AsyncFunctionDef: _bind_definition,
    ast.ClassDef: _bind_definition,
    ast.arg: _bind_argument,
    ast.arguments: _bind_defaults,
    ast.ExceptHandler: _bind_caught,
    ast.MatchAs: _bind_caught,
    ast.MatchStar: _bind_caught,
}
