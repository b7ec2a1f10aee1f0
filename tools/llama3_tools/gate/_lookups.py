"""Things looked up by name, and methods that tell what they do on whatever object."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from llama3_tools.gate import _names, _tables
from llama3_tools.gate._cell import Cell, Report, attribute_of, is_constant, is_true
from llama3_tools.gate._values import Ref, texts_of

_ESCAPE = re.compile(r"__\w+__|@\s*(os|sys|subprocess|pd|np|__)\b")
_FIELD_ESCAPE = re.compile(r"\{[^}]*[.\[]_*(__\w+__)")
_EXPRESSIONS = frozenset({"eval", "query"})
_RUNNERS = _names.words(
    "timeit.timeit timeit.repeat timeit.Timer cProfile.run profile.run cProfile.runctx sympy.sympify sympy.S "
    "sympy.simplify sympy.parsing.sympy_parser.parse_expr numexpr.evaluate pandas.eval trace.Trace().run"
)
_NEEDS_ARGUMENT = frozenset({"system", "popen", "rmtree"})


def judge_lookup(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """`getattr` on a module by a name that is not in sight, or by one that is dangerous."""
    if not names & {"getattr", "operator.attrgetter", "operator.methodcaller", "setattr"} or not node.args:
        return
    is_getattr = "getattr" in names
    key = node.args[1] if is_getattr and len(node.args) > 1 else node.args[0]
    for text in cell.resolve.texts(key):
        if set(text.split(".")) & _names.INTERNALS:
            yield Report("dynamic.internals", node.lineno, text)
    if is_getattr and not is_constant(cell.resolve(key)):
        for name in cell.resolve.names(node.args[0]):
            if name in _names.ROOTS:
                yield Report("dynamic.module", node.lineno, name)
    for value in cell.resolve(node):
        hit = _names.lookup(value.name) if isinstance(value, Ref) and is_getattr else None
        if hit:
            yield Report(hit[0], node.lineno, hit[1])


def judge_method(_: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Methods that tell what they do on whatever object."""
    method = attribute_of(node)
    if method not in _tables.CALLED:
        return
    if any(_names.lookup(name) for name in names) or "platform.system" in names:
        return
    if node.args or method not in _NEEDS_ARGUMENT:
        yield Report(_tables.CALLED[method], node.lineno, method)


def judge_download(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Models and data sets that are fetched when they are asked for."""
    given = cell.given(node)
    name = min(names, default=attribute_of(node))
    if is_true(given.get("download", frozenset())) and name.startswith(
        ("torchvision", "torchaudio", "torchtext")
    ):
        yield Report("network.connection", node.lineno, name)
    if (
        attribute_of(node) == "from_pretrained"
        and node.args
        and not is_true(given.get("local_files_only", frozenset()))
    ):
        texts = cell.resolve.texts(node.args[0])
        if any(not text.startswith((".", "/", "~")) for text in texts):
            yield Report("network.connection", node.lineno, attribute_of(node))


def judge_expressions(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Code hidden in the text of `DataFrame.eval` and `query`, and of what runs or evaluates text."""
    attribute = attribute_of(node)
    runs = names & _RUNNERS
    if attribute not in _EXPRESSIONS and not runs:
        return
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        for text in cell.resolve.texts(argument):
            if _ESCAPE.search(text) or (runs and _has_danger(text)):
                yield Report("dynamic.eval", node.lineno, min(runs, default=attribute))


def _has_danger(text: str) -> bool:
    return bool(set(re.findall(r"\w+", text)) & (_names.ROOTS | {"eval", "exec", "socket", "requests"}))


def judge_format(cell: Cell, node: ast.Call, _: set[str]) -> Iterator[Report]:
    """`"{0.__class__}".format(x)`, which walks attributes without naming them."""
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"format", "format_map"}:
        for text in texts_of(cell.resolve(node.func.value)):
            match = _FIELD_ESCAPE.search(text)
            if match and match.group(1) not in {"__name__", "__doc__", "__len__"}:
                yield Report("dynamic.internals", node.lineno, match.group(1))
