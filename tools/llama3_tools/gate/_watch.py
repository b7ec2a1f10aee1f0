"""Code looked at while it is being written."""

from __future__ import annotations

import ast
from collections.abc import Callable

from llama3_tools.gate._fragments import parse
from llama3_tools.gate._types import Verdict

_GROWTH = 1.25


class Watch:
    """Says early what will be blocked, so that a model need not write it to its end.

    Statements count once they are finished: a loop may still get its `break`. An early verdict is about the
    statements so far and never a pass; whether code may run is for `CodeGate.scan` to say, on all of it.

    Args:
        look: what the quick layers say of some statements: a verdict if they block, else nothing.
    """

    def __init__(self, look: Callable[[str], Verdict | None]) -> None:
        self._look = look
        self._text = ""
        self._next = 0.0
        self._verdict: Verdict | None = None

    def feed(self, chunk: str) -> Verdict | None:
        """Take more of the code; the verdict, once there is one."""
        self._text += chunk
        # Looking only after each quarter more keeps the sum of all looks linear.
        if self._verdict is None and "\n" in chunk and len(self._text) >= self._next:
            self._next = len(self._text) * _GROWTH
            statements = finished(self._text)
            self._verdict = self._look(statements) if statements else None
        return self._verdict


def finished(text: str) -> str:
    """The lines of `text` whose statements nothing that follows can change: all but the last statement's."""
    lines = text[: text.rfind("\n") + 1]
    try:
        tree = parse(lines)
    except (RecursionError, MemoryError):
        return ""
    if tree is None or not tree.body:
        return ""
    last = tree.body[-1]
    decorators = last.decorator_list if isinstance(last, ast.FunctionDef | ast.ClassDef) else []
    first = min([last.lineno, *(decorator.lineno for decorator in decorators)])
    return "".join(line + "\n" for line in lines.split("\n")[: first - 1])
