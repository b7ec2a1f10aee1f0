"""Where threads with a name are kept: in a file, or in a PostgreSQL database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from langgraph.checkpoint.base import BaseCheckpointSaver

_SCHEMES = ("postgresql://", "postgres://")


def default_store() -> str:
    """A file in the folder for state."""
    state = os.environ.get("XDG_STATE_HOME", "").strip() or "~/.local/state"
    return f"{state}/llama3-agent/threads.sqlite"


def threads_in(store: str) -> AbstractContextManager[BaseCheckpointSaver[Any]]:
    """Open a store: the URL of a PostgreSQL database, or the path of a SQLite file, made when missing.

    Raises:
        ConfigurationError: What a database takes is not installed.
        OSError: The file cannot be made.
        psycopg.Error: The database cannot be reached.
        sqlite3.Error: The file is none of SQLite's.
    """
    return _in_database(store) if store.startswith(_SCHEMES) else _in_file(Path(store).expanduser())


@contextmanager
def _in_file(path: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    """A file which nobody else can read."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        # With a write-ahead log, this loses nothing when the program is killed.
        connection.execute("PRAGMA synchronous=NORMAL")
        yield SqliteSaver(connection)


@contextmanager
def _in_database(url: str) -> Iterator[BaseCheckpointSaver[Any]]:
    """The tables of LangGraph's checkpointer, made when missing."""
    try:
        from langgraph.checkpoint.postgres import PostgresSaver
    except ImportError as error:
        raise ConfigurationError(
            f"threads in PostgreSQL need what pip install 'llama3-agent[postgres]' brings ({error})"
        ) from error
    with PostgresSaver.from_conn_string(url) as saver:
        saver.setup()
        yield saver
