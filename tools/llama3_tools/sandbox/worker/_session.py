"""One namespace in which cells run, as in a notebook."""

from __future__ import annotations

import ast
import linecache
import os
import signal
import sys
import types
from types import FrameType
from typing import Any

from ._confine import with_less_memory
from ._ipython import StandIn
from ._pyplot import ShowHook
from ._show import Form, figures, forms, from_bundle, is_open_figure, within_budget
from ._trace import NAMELESS, Sources, describe


class Session:
    """Runs cells one after the other and keeps their variables."""

    def __init__(self) -> None:
        self._module = types.ModuleType("__main__")
        self._module.__dict__["display"] = self._display
        sys.modules["__main__"] = self._module  # pickle and multiprocessing look there
        sys.meta_path.insert(0, ShowHook(self._collect))
        sys.meta_path.append(StandIn(self._display))
        self._sources = Sources()
        self._shown: list[Form] = []
        self._armed = False
        self._streams = (sys.stdout, sys.stderr)
        self._pid = os.getpid()

    def run(self, cell: int, code: str) -> dict[str, Any]:
        """Run one cell and return what it showed and how it failed, if it did."""
        self._shown = []
        sys.stdout, sys.stderr = self._streams
        signal.signal(signal.SIGINT, self._interrupted)
        error = self._guarded(self._execute, cell, code)
        later = self._guarded(self._collect)
        error = error or later
        if os.getpid() != self._pid:
            os._exit(0)  # a child that the cell forked and let run on
        for stream in self._streams:
            self._guarded(stream.flush)
        return {"results": within_budget(self._shown), "error": error}

    def _guarded(self, action: Any, *arguments: Any) -> dict[str, str] | None:
        """Do it with interrupts let through; whatever it raises is described, not raised."""
        try:
            self._interruptible(action, *arguments)
        except BaseException as error:  # noqa: BLE001 - user code raises what it likes, SystemExit too
            return self._described(error)
        return None

    def _described(self, error: BaseException) -> dict[str, str]:
        try:
            return dict(self._interruptible(describe, error, self._sources))
        except BaseException:  # noqa: BLE001 - names, messages and classes of exceptions are user code too
            return dict(NAMELESS)

    def _interruptible(self, action: Any, *arguments: Any) -> Any:
        try:
            self._armed = True
            return action(*arguments)
        finally:
            self._armed = False

    def _execute(self, cell: int, code: str) -> None:
        filename = self._sources.add(cell, code)
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        tree = ast.parse(code, filename)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        namespace = self._module.__dict__
        body = compile(tree, filename, "exec")
        with with_less_memory():
            exec(body, namespace)
        if isinstance(last, ast.Expr):
            expression = compile(ast.Expression(last.value), filename, "eval")
            with with_less_memory():
                value = eval(expression, namespace)
            if not code.rstrip().endswith(";"):
                self._echo(value)

    def _echo(self, value: Any) -> None:
        if value is None or is_open_figure(value):
            return
        self._module.__dict__["_"] = value
        self._shown.append({**forms(value), "is_main_result": True})

    def _display(self, *values: Any, raw: bool = False, **_: Any) -> None:
        self._shown += [from_bundle(value) if raw else forms(value) for value in values]

    def _collect(self) -> None:
        self._shown += figures()

    def _interrupted(self, _signal: int, _frame: FrameType | None) -> None:
        if self._armed:
            raise KeyboardInterrupt
