"""Whether one of Code Shield's semgrep rules could match, so that the engine starts only where it can.

Their own prescan is a regular expression on the text, which `model.eval()`, `asyncio.run(main())` and
`cursor.execute("SELECT 1")` satisfy. Where there is a tree, each rule also has a condition here that
everything it matches fulfils. A rule that is not known here is decided by its regular expression alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from llama3_tools.gate._cell import Cell, is_built

# As in their rule, of the text before `.execute`.
_CURSOR = re.compile(r"(?i)(cur|\w*cursor|conn|\w*connection)")

Condition = Callable[[Cell, ast.Call, frozenset[str]], bool]
"""Of a call, given the last parts of the names that it goes by."""


def may_match(cell: Cell, rules: Iterable[str]) -> bool:
    """Whether a call in `cell` fulfils the condition of one of `rules`."""
    conditions = [_CONDITIONS.get(rule) for rule in rules]
    if any(condition is None for condition in conditions):
        return True
    return any(
        condition is not None and condition(cell, node, _last_names(cell, node))
        for node in cell.nodes
        if isinstance(node, ast.Call)
        for condition in conditions
    )


def _last_names(cell: Cell, node: ast.Call) -> frozenset[str]:
    function = node.func
    spelled = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return frozenset({spelled, *(name.rpartition(".")[2] for name in cell.resolve.names(function))})


def _called(*names: str) -> Condition:
    return lambda _, __, last: not last.isdisjoint(names)


def _called_bare(name: str) -> Condition:
    """`eval(...)` matches the bare name only, under whatever alias."""
    return lambda cell, node, _: (
        (isinstance(node.func, ast.Name) and node.func.id == name) or name in cell.resolve.names(node.func)
    )


def _loads_yaml(_: Cell, node: ast.Call, last: frozenset[str]) -> bool:
    return "unsafe_load" in last or ("load" in last and _has_keyword(node, "Loader"))


def _starts_shell(_: Cell, node: ast.Call, last: frozenset[str]) -> bool:
    return "create_subprocess_shell" in last or _has_keyword(node, "shell")


def _has_keyword(node: ast.Call, name: str) -> bool:
    return any(keyword.arg in {name, None} for keyword in node.keywords)


def _executes_built_text(cell: Cell, node: ast.Call, last: frozenset[str]) -> bool:
    if last.isdisjoint({"execute", "execute_many", "executemany"}) or not node.args:
        return False
    holder = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    if not _CURSOR.match(holder):
        return False
    query = node.args[0]
    return is_built(query) or (isinstance(query, ast.Name) and query.id in cell.built)


_CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        "unsafe-dill-use": _called("loads"),
        "unsafe-json-pickle-use": _called("decode"),
        "unsafe-pickle-use": _called("loads"),
        "unsafe-yaml-use": _loads_yaml,
        "insecure-eval-use": _called_bare("eval"),
        "insecure-exec-use": _called_bare("exec"),
        "insecure-os-popen-use": _called("popen"),
        "insecure-os-system-use": _called("system"),
        "cursor-execute-sqli": _executes_built_text,
        "insecure-subprocess-using-shell": _starts_shell,
    }
)
