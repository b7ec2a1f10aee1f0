"""Runs the generated code for real, so that every tool result in the training data is what Python answers."""

from __future__ import annotations

import contextlib
import datetime
import io
import linecache
import os
import random
import sys
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pandas.plotting import _core as pandas_plotting


@dataclass(frozen=True, slots=True)
class Ran:
    """A cell's outcome: what it printed, how it failed, how many figures it showed."""

    stdout: str
    error: str
    plots: int

    def message(self, first_plot: int) -> str:
        """The tool message as the agent writes it for the model."""
        lines = ["failed" if self.error else "completed"]
        if self.stdout:
            lines.append(f"[stdout]{self.stdout}[/stdout]")
        if self.error:
            lines.append(f"[stderr]{self.error}[/stderr]")
        lines += [f"[plot]plot-{first_plot + i}.png[/plot]" for i in range(self.plots)]
        return "\n".join(lines)


class _Plots:
    """Counts figures instead of drawing them; drawing would take most of the generator's time."""

    def __init__(self) -> None:
        self.shown = 0
        self._open = False

    def modules(self) -> dict[str, Any]:
        pyplot: Any = types.ModuleType("matplotlib.pyplot")
        pyplot.__getattr__ = lambda _name: self._draw
        pyplot.show = self._show
        parent: Any = types.ModuleType("matplotlib")
        parent.pyplot = pyplot
        return {"matplotlib": parent, "matplotlib.pyplot": pyplot}

    @property
    def backend(self) -> Any:
        """What pandas draws with."""
        module: Any = types.ModuleType("cria_plots")
        module.plot = module.boxplot_frame = module.hist_frame = module.hist_series = self._draw
        return module

    def _draw(self, *_args: Any, **_kwargs: Any) -> None:
        self._open = True

    def _show(self) -> None:
        self.shown += self._open
        self._open = False


def _datetime_at(today: datetime.date) -> types.ModuleType:
    """The datetime module as it is on another day."""

    class Date(datetime.date):
        @classmethod
        def today(cls) -> datetime.date:  # type: ignore[override]
            return today

    module: Any = types.ModuleType("datetime")
    module.date, module.timedelta, module.datetime = Date, datetime.timedelta, datetime.datetime
    return module


class Interpreter:
    """A stateful session in a scratch folder that holds the attached files."""

    def __init__(self, folder: Path, today: datetime.date, seed: int) -> None:
        self.folder, self.today, self.seed = folder, today, seed
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.cells = 0
        random.seed(seed)

    def run(self, code: str) -> Ran:
        """Run a cell and report as the sandbox would."""
        self.cells += 1
        name, out, plots, error = f"<cell {self.cells}>", io.StringIO(), _Plots(), ""
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        with (
            _modules(plots.modules() | {"datetime": _datetime_at(self.today)}),
            patch.dict(pandas_plotting._backends, {"matplotlib": plots.backend}),
            _inside(self.folder),
        ):
            try:
                with contextlib.redirect_stdout(out):
                    exec(compile(code, name, "exec"), self.namespace)
            except Exception as problem:  # noqa: BLE001 - the cell's failure is the datum
                error = self._traceback(problem)
        return Ran(out.getvalue().rstrip("\n"), error, plots.shown)

    def _traceback(self, problem: Exception) -> str:
        lines = ["Traceback (most recent call last):"]
        for frame in traceback.extract_tb(problem.__traceback__):
            if frame.filename == f"<cell {self.cells}>":
                lines += [f"  Cell {self.cells}, line {frame.lineno}", f"    {frame.line}"]
        return "\n".join([*lines, f"{type(problem).__name__}: {problem}"])


@contextlib.contextmanager
def _modules(replaced: dict[str, Any]) -> Iterator[None]:
    before = {name: sys.modules.get(name) for name in replaced}
    sys.modules.update(replaced)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
