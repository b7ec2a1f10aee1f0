"""Loaders that run what they load, unless they are told not to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report, attribute_of, is_true

_SAFE_YAML = frozenset({"yaml.SafeLoader", "yaml.CSafeLoader", "yaml.BaseLoader", "yaml.CBaseLoader"})


def judge_loaders(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Pickles inside arrays and checkpoints, YAML with tags, XML with entities."""
    given = cell.given(node)
    attribute = attribute_of(node)
    unpickles = given.get("allow_pickle", frozenset())
    if names & {"numpy.load"}:
        unpickles = cell.argument(node, 2, "allow_pickle")
    if is_true(unpickles) and not attribute.startswith("save"):
        shown = min((name for name in names if "()" not in name), default=attribute or "This")
        yield Report("deserialise.pickle", node.lineno, shown)
    if names & {"torch.load"} and not is_true(given.get("weights_only", frozenset())):
        yield Report("deserialise.pickle", node.lineno, "torch.load")
    if names & {"ruamel.yaml.YAML"} and "unsafe" in cell.resolve.texts(_keyword(node, "typ")):
        yield Report("deserialise.yaml", node.lineno, "ruamel.yaml.YAML")
    if is_true(given.get("resolve_entities", frozenset())):
        yield Report("deserialise.xml", node.lineno, min(names, default=attribute))
    for name in sorted(names & {"yaml.load", "yaml.load_all"}):
        if not _is_safe(cell, node):
            yield Report("deserialise.yaml", node.lineno, name)


def _is_safe(cell: Cell, node: ast.Call) -> bool:
    loader = node.args[1] if len(node.args) > 1 else _keyword(node, "Loader")
    return loader is not None and bool(set(cell.resolve.names(loader)) & _SAFE_YAML)


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)
