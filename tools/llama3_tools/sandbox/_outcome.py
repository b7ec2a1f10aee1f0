"""From what happened to a cell to the `Execution` that the caller reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _frames
from ._cell import Cell
from ._types import Execution, ExecutionError, Logs, Result

_LOST = "the session was ended: variables are gone, files are kept"


def outcome(cell: Cell, reply: Mapping[str, Any] | None, timeout: float, memory_mb: int) -> Execution:
    """What the cell brought about.

    Parameters
    ----------
    reply
        The worker's answer, or None if it gave none. Data from inside, not trusted.
    timeout, memory_mb
        The limits, to name them in messages.
    """
    try:
        shown, error = _answer(reply)
    except _frames.MalformedReply:
        cell.discredit()
        shown, error = [], None
    if cell.stopped is not None:
        error = _limit(cell, error, timeout, memory_mb)
    return Execution(
        results=shown,
        logs=Logs(cell.stdout.pieces, cell.stderr.pieces),
        error=error,
        execution_count=cell.number,
        timed_out=cell.stopped == "timeout",
        state_lost=cell.lost,
    )


def _answer(reply: Mapping[str, Any] | None) -> tuple[list[Result], ExecutionError | None]:
    if reply is None:
        return [], None
    return _frames.results(reply), _frames.error(reply)


def _limit(cell: Cell, inside: ExecutionError | None, timeout: float, memory_mb: int) -> ExecutionError:
    """The error of a cell that was stopped, with the place where it was, if that is known."""
    known = {
        "timeout": ("TimeoutError", f"the cell ran longer than {timeout:g} s and was stopped"),
        "output": ("OutputLimit", f"the cell printed more than {cell.output_bytes} bytes and was stopped"),
        "memory": ("MemoryError", f"the cell used more than {memory_mb} MB of memory and was stopped"),
        "disk": ("OSError", "the cell filled more of the disk than the sandbox has and was stopped"),
        "interrupted": ("KeyboardInterrupt", "the cell was interrupted from outside"),
        "protocol": ("SessionEnded", "the Python process answered with something that is no reply"),
        "closed": ("SessionEnded", "the sandbox was closed while the cell ran"),
    }
    # Asking how the process ended waits for its end, so it is asked only of one that has ended.
    name, what = known.get(cell.stopped or "") or ("SessionEnded", f"the Python process ended{_status(cell)}")
    value = f"{what}; {_LOST if cell.lost else 'variables are kept'}"
    places = inside.traceback.rpartition("\n")[0] if inside and inside.name == "KeyboardInterrupt" else ""
    return ExecutionError(name, value, f"{places}\n{name}: {value}".lstrip("\n"))


def _status(cell: Cell) -> str:
    status = cell.exit_status()
    if status is None:
        return ""
    return f" by signal {status - 128}" if status > 128 else f" with status {status}"
