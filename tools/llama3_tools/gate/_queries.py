"""SQL put together from strings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from llama3_tools.gate._cell import Cell, Report, attribute_of
from llama3_tools.gate._values import Built

_QUERIES = frozenset(
    [
        "execute",
        "executemany",
        "executescript",
        "read_sql",
        "read_sql_query",
        "raw",
        "sql",
        "query",
        "fetch",
        "fetchrow",
        "fetchval",
        "from_query",
    ]
)
_MAKERS = frozenset({"sqlalchemy.text", "sqlalchemy.sql.text", "sqlalchemy.sql.expression.text"})
_SQL = re.compile(
    r"^\s*(select|insert|update|delete|drop|alter|create|replace|truncate|merge|with)\b", re.IGNORECASE
)


def judge_query(cell: Cell, node: ast.Call, names: set[str]) -> Iterator[Report]:
    """Queries whose text holds values that are not constant."""
    short = {name.rpartition(".")[2] for name in names} | {attribute_of(node)}
    if not (short & _QUERIES or names & _MAKERS):
        return
    query = cell.argument(node, 0, "query", "sql", "statement", "operation", "text")
    if any(isinstance(value, Built) and _SQL.match(value.head) for value in query):
        yield Report("sql.string", node.lineno)
