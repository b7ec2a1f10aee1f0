"""Tracebacks that show the cells' own frames and nothing else."""

from __future__ import annotations

import re
import traceback
from types import TracebackType

_FIRST, _LAST = 4, 8
_VALUE_LIMIT = 2_000
_LINE_LIMIT = 200
NAMELESS = {
    "name": "Exception",
    "value": "the exception cannot be shown",
    "traceback": "Exception: the exception cannot be shown",
}
"""The description of an exception that cannot be described."""


class Sources:
    """The text of every cell, by the file name it was compiled under."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, cell: int, code: str) -> str:
        """Remember a cell and return the file name to compile it under."""
        name = f"<cell {cell}>"
        self._lines[name] = code.splitlines()
        return name

    def place(self, filename: str, line: int, function: str) -> str | None:
        """Two lines that say where, or None for a file that is no cell."""
        lines = self._lines.get(filename)
        if lines is None:
            return None
        where = filename.strip("<>").capitalize()
        within = "" if function == "<module>" else f", in {function}"
        text = lines[line - 1].strip()[:_LINE_LIMIT] if 0 < line <= len(lines) else ""
        return f"  {where}, line {line}{within}\n" + (f"    {text}\n" if text else "")


def describe(error: BaseException, sources: Sources) -> dict[str, str]:
    """Name, value and compact traceback of an exception."""
    name = re.sub(r"\s", " ", str(type(error).__name__))
    value = _value(error)
    places = _places(error.__traceback__, sources)
    if isinstance(error, SyntaxError) and (place := _syntax_place(error, sources)):
        places = [*places, place]
    if len(places) > _FIRST + _LAST:
        hidden = len(places) - _FIRST - _LAST
        places = [*places[:_FIRST], f"  ... {hidden} more frames ...\n", *places[-_LAST:]]
    last = f"{name}: {value}" if value else name
    head = "Traceback (most recent call last):\n" if places else ""
    return {"name": name, "value": value, "traceback": head + "".join(places) + last}


def _value(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001 - the message is made by user code; an interrupt has done its work
        return "<the exception cannot be shown>"
    text = str.__str__(text)  # a subclass may lie about its length
    return text if len(text) <= _VALUE_LIMIT else text[:_VALUE_LIMIT] + " ..."


def _places(trace: TracebackType | None, sources: Sources) -> list[str]:
    frames = ((frame.f_code, line) for frame, line in traceback.walk_tb(trace))
    places = (sources.place(code.co_filename, line or 0, code.co_name) for code, line in frames)
    return [place for place in places if place is not None]


def _syntax_place(error: SyntaxError, sources: Sources) -> str | None:
    return sources.place(error.filename or "", error.lineno or 0, "<module>")
