"""`from IPython.display import display, HTML` where IPython is not installed: code for notebooks says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

_NAMES = ("IPython", "IPython.display", "IPython.core", "IPython.core.display")


class _Displayed:
    """Something to display, given as it is or as the name of a file."""

    mime = "text/plain"

    def __init__(self, data: Any = None, url: Any = None, filename: Any = None, **_: Any) -> None:
        del url  # there is no network
        self.data = self._read(Path(filename)) if filename is not None else data

    def _read(self, path: Path) -> Any:
        return path.read_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return {self.mime: self.data}


class HTML(_Displayed):
    mime = "text/html"


class Markdown(_Displayed):
    mime = "text/markdown"


class Latex(_Displayed):
    mime = "text/latex"


class Math(Latex):
    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        return {self.mime: f"$\\displaystyle {str(self.data).strip('$')}$"}


class SVG(_Displayed):
    mime = "image/svg+xml"


class JSON(_Displayed):
    mime = "application/json"


class Image(_Displayed):
    def _read(self, path: Path) -> Any:
        return path.read_bytes()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        del include, exclude
        source = self._read(Path(self.data)) if isinstance(self.data, str) else self.data
        return {"image/jpeg" if source.startswith(b"\xff\xd8") else "image/png": source}


class StandIn(MetaPathFinder, Loader):
    """Offers the few names that cells use. Put it at the end of `sys.meta_path`: a real one comes first."""

    def __init__(self, display: Callable[..., None]) -> None:
        shown = {kind.__name__: kind for kind in (HTML, Markdown, Latex, Math, SVG, JSON, Image)}
        self._names: dict[str, Any] = {
            "display": display,
            "clear_output": lambda wait=False: None,  # noqa: ARG005 - what was printed stays printed
            "get_ipython": lambda: None,
            **shown,
        }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in _NAMES:
            return None
        return spec_from_loader(fullname, self, is_package=fullname in ("IPython", "IPython.core"))

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(self._names)
