"""How the program ends: an exit code that says why, and one line instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

EXIT_CODES = {
    "answered": 0,
    "error": 1,
    "max_steps": 3,
    "repeated_call": 4,
    "format_errors": 5,
    "truncated": 6,
    "blocked": 7,
    "budget": 8,
    "interrupted": 130,
}
WRONG_INPUT = 2
INTERRUPTED = 130
EXIT_CODES_HELP = "Exit codes: " + ", ".join(
    f"{code} {reason}"
    for reason, code in sorted({**EXIT_CODES, "wrong input": WRONG_INPUT}.items(), key=lambda x: x[1])
)


@contextmanager
def clean_exit() -> Iterator[None]:
    """Turn the errors that a user can cause or mend into one line on stderr and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        complain("stopped")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader of our output has left (`| head`); the interpreter must not try to flush to it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_CODES["error"]) from None
    except _expected() as error:
        complain(str(error))
        raise typer.Exit(_code_of(error)) from None


def complain(text: str) -> None:
    """Say on stderr what is wrong, in one line."""
    from .._text import one_line

    print(f"llama3-agent: {one_line(text)}", file=sys.stderr)


def _expected() -> tuple[type[Exception], ...]:
    import sqlite3

    from llama3_tools import GateUnavailable, SandboxError

    from ..engine import EngineError
    from ..errors import AgentError

    # What keeps the threads: a file that is none of SQLite's, a database out of reach.
    stores = [sqlite3.Error, *([sys.modules["psycopg"].Error] if "psycopg" in sys.modules else [])]
    return (AgentError, EngineError, SandboxError, GateUnavailable, OSError, *stores)


def _code_of(error: Exception) -> int:
    from ..errors import InputError

    return WRONG_INPUT if isinstance(error, InputError) else EXIT_CODES["error"]
