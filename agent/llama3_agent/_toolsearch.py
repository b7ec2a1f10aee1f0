"""Tools by the words of a question: SQLite's full-text index, which ranks by BM25 and knows word stems."""

from __future__ import annotations

import re
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from ._tools import Tool
from .errors import ConfigurationError

_MOST_WORDS = 64
"""Of each end of a long question: pasted text stands before or after what is asked."""

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """
        a about all also am an and any are as at be been but by can could did do does for from get give has
        had
        have he her his how i if in into is it its just let like make me much my need no not now of on or our
        out please s she should show so some t tell than that the their them then there these they this those
        to up us use want was we were what when where which who why will with would you your
        """,
    )
)
"""Words that say nothing of what is asked, but are rare enough in short descriptions to seem telling."""


class ToolSearch:
    """An index over names, descriptions and arguments.

    Args:
        tools: What is looked for.

    Raises:
        ConfigurationError: This Python's SQLite was built without FTS5.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._lock = threading.Lock()
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._index.close)
        try:
            self._index.execute(
                "CREATE VIRTUAL TABLE tools USING fts5(tool UNINDEXED, name, description, arguments, "
                "tokenize = 'porter unicode61 remove_diacritics 2')"
            )
        except sqlite3.OperationalError as error:
            raise ConfigurationError(
                f"select= with a number needs SQLite's full-text search: {error}; give a function instead"
            ) from error
        self._index.executemany("INSERT INTO tools VALUES (?, ?, ?, ?)", map(_row, tools))

    def ranked(self, question: str) -> list[str]:
        """The names of the tools that share a word with the question, the best first."""
        words = _words(question)
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        with self._lock:
            # A name says most, arguments least. SQLite's BM25 is the smaller the better.
            found = self._index.execute(
                "SELECT tool FROM tools WHERE tools MATCH ? ORDER BY bm25(tools, 0, 3, 2, 1), rowid",
                (wanted,),
            )
            return [name for (name,) in found]


def _words(question: str) -> list[str]:
    told = re.findall(r"\w+", _HUMPS.sub(" ", question).replace("_", " ").lower())
    words = list(dict.fromkeys(word for word in told if word not in _COMMON))
    return words if len(words) <= 2 * _MOST_WORDS else words[:_MOST_WORDS] + words[-_MOST_WORDS:]


def _row(tool: Tool) -> Sequence[str]:
    function = convert_to_openai_tool(tool)["function"]
    name, arguments = function["name"], _texts(function.get("parameters", {}))
    return name, _HUMPS.sub(" ", name), function.get("description", ""), _HUMPS.sub(" ", " ".join(arguments))


def _texts(schema: Any) -> Iterator[str]:
    """Everything that a JSON schema says in words: names, descriptions, choices."""
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {})
        yield str(schema.get("description", ""))
        yield from map(str, schema.get("enum", ()))
        yield from (text for value in schema.values() for text in _texts(value))
    elif isinstance(schema, list):
        yield from (text for value in schema for text in _texts(value))
