"""`plt.show()` that shows: pyplot is changed when a cell imports it, for that takes too long to do before."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NAME = "matplotlib.pyplot"


class ShowHook(MetaPathFinder):
    """Lets `pyplot.show` call a function of ours. Put it in front of `sys.meta_path`.

    The backend stays Agg, whose own `show` does nothing, so that code that chooses Agg changes nothing.
    """

    def __init__(self, show: Callable[[], None]) -> None:
        self._show = show

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders give for pyplot, with our change at its end."""
        del path, target
        if fullname != _NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            run = loader.exec_module
            loader.exec_module = lambda module: self._change(module, run)
        return spec

    def _change(self, module: Any, run: Callable[[ModuleType], None]) -> None:
        run(module)
        module.show = lambda *_, **__: self._show()
