"""The interface that every sandbox has, and the values it returns.

Verbs and fields follow `e2b_code_interpreter`, so that a local and a remote sandbox are interchangeable.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

Stream = Callable[[str], None]
"""Called with each piece of text as it is printed."""

FORMATS = ("text", "html", "markdown", "svg", "png", "jpeg", "latex", "json", "data", "chart")


@dataclass(frozen=True, slots=True)
class Result:
    """One displayed value, in every form it has. `png` and `jpeg` are base64 text.

    `html` and `svg` are passive: scripts, event handlers, and links to elsewhere were taken out.
    """

    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    svg: str | None = None
    png: str | None = None
    jpeg: str | None = None
    latex: str | None = None
    json: Any = None
    """Plain values: what a list or a dict holds, or what the object offers itself."""
    data: dict[str, list[Any]] | None = None
    """A table by columns, dates as ISO text, nothing as None."""
    chart: Any = None
    """What E2B read out of a figure, as plain values; other sandboxes leave it out."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Forms of other kinds by MIME type, as they came: not to be rendered."""
    is_main_result: bool = False
    """True for the value of the cell's last expression."""

    def formats(self) -> tuple[str, ...]:
        """The names of the forms present, e.g. `("text", "html")`."""
        return tuple(name for name in FORMATS if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True)
class Logs:
    """What the cell printed, in the pieces in which it arrived."""

    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExecutionError:
    """Why a cell did not complete: an exception of its own, or a limit it ran into."""

    name: str
    value: str
    traceback: str
    """Compact: only the frames of the cells themselves."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A regular file in the session's working directory."""

    name: str
    """Relative to the working directory, with `/` between folders."""
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Execution:
    """All that one cell brought about."""

    results: list[Result] = field(default_factory=list)
    logs: Logs = field(default_factory=Logs)
    error: ExecutionError | None = None
    execution_count: int = 0
    timed_out: bool = False
    state_lost: bool = False
    """The Python process had to be ended: variables are gone, files are kept."""
    files: tuple[str, ...] = ()
    """Names of the files that the cell created or changed."""

    @property
    def text(self) -> str | None:
        """The last expression's text, if the cell ended in one that has a value."""
        return next((result.text for result in self.results if result.is_main_result), None)

    @property
    def stdout(self) -> str:
        """Everything printed to standard output."""
        return "".join(self.logs.stdout)

    @property
    def stderr(self) -> str:
        """Everything printed to standard error."""
        return "".join(self.logs.stderr)


@dataclass(frozen=True, slots=True)
class Isolation:
    """How a sandbox is cut off from the host, as proven when it started."""

    level: str
    """`"bubblewrap"` (local process in its own namespaces), `"e2b"` (remote microVM), or `"landlock"` (local
    process without namespaces, weaker)."""
    detail: str


@runtime_checkable
class Sandbox(Protocol):
    """A stateful Python session that cannot reach the host."""

    @property
    def isolation(self) -> Isolation: ...

    def run_code(
        self,
        code: str,
        *,
        timeout: float = 30.0,
        on_stdout: Stream | None = None,
        on_stderr: Stream | None = None,
    ) -> Execution:
        """Run one cell; variables of earlier cells are there.

        Parameters
        ----------
        timeout
            Seconds on the host's clock, after which the cell is interrupted and, if need be, ended.

        Raises
        ------
        SandboxError
            If the sandbox itself fails. What the code does wrong is in `Execution.error`.
        """

    def interrupt(self) -> None:
        """Stop the cell that runs, from any thread; nothing happens between cells.

        Its `run_code` returns soon, with a `KeyboardInterrupt` as error: by an interrupt inside, which keeps
        the variables, else by ending the Python process (`Execution.state_lost`).
        """

    def restart(self) -> None:
        """Begin a new Python process: variables are gone, files are kept."""

    def close(self) -> None:
        """End the session and leave nothing behind. May be called twice."""

    def upload(self, source: str | os.PathLike[str] | bytes, name: str | None = None) -> str:
        """Copy a file into the working directory and return its name there."""

    def list_files(self) -> list[FileInfo]:
        """The regular files in the working directory, sorted by name."""

    def download(self, name: str) -> bytes:
        """The content of one file of the working directory."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
