"""`LocalSandbox`: a Python session on this machine, confined by bubblewrap."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Literal

from ._cell import Cell
from ._errors import SandboxError
from ._outcome import outcome
from ._recipe import launch, with_fonts
from ._seccomp import instructions
from ._session import Session
from ._types import Execution, FileInfo, Isolation, Stream
from ._worker_process import WorkerProcess

_CODE_LIMIT = 1_000_000


class LocalSandbox(Session):
    """A stateful Python session without network, host files or host environment.

    Starting one proves the isolation: what the code inside could still reach is tried from inside and asked
    of the kernel from outside, and anything found is a refusal.

    Parameters
    ----------
    files
        Files to put into the working directory.
    memory_mb
        Memory of all processes inside together.
    disk_mb
        Size of the working directory.
    processes
        Most processes and threads inside.
    output_bytes
        Most bytes that one cell may print; it is stopped beyond that.
    packages
        Distributions to offer, with all that they require. By default the usual ones for data analysis, as
        far as they are installed.
    figures
        Formats in which figures come back: `"png"`, `"svg"`, or both.
    level
        `"bubblewrap"`, or the weaker `"landlock"` for hosts that refuse namespaces, which is never chosen
        for you. `docs/sandbox.md` says what it does not hold.

    Raises
    ------
    SandboxUnavailable
        If nothing on this machine confines the code, with what to do about it.
    SandboxFileError
        If one of `files` cannot be brought in.
    """

    def __init__(
        self,
        files: Iterable[str | os.PathLike[str]] = (),
        *,
        memory_mb: int = 1024,
        disk_mb: int = 256,
        processes: int = 64,
        output_bytes: int = 1_000_000,
        packages: Sequence[str] | None = None,
        figures: Sequence[Literal["png", "svg"]] = ("png",),
        level: Literal["bubblewrap", "landlock"] = "bubblewrap",
    ) -> None:
        if min(memory_mb, disk_mb, processes, output_bytes) <= 0:
            raise ValueError("memory_mb, disk_mb, processes and output_bytes must be positive")
        if level not in ("bubblewrap", "landlock"):
            raise ValueError(f"there is no level {level!r}; use 'bubblewrap' or 'landlock'")
        if not set(figures) <= {"png", "svg"}:
            raise ValueError(f"figures can be 'png' or 'svg', not {figures!r}")
        self._lock = threading.RLock()
        self._interruption: threading.Event | None = None
        self._count = 0
        self._memory_mb, self._output_bytes, self._processes = memory_mb, output_bytes, processes
        start = launch(level, memory_mb, disk_mb, processes, packages, figures)
        self._launch = with_fonts(start, memory_mb)
        self._loss_told = True
        self._lost: list[str] = []
        self._start()
        try:
            for file in files:
                self.upload(file)
        except BaseException:
            self.close()
            raise

    @property
    def isolation(self) -> Isolation:
        """How the code is cut off, as proven at the start."""
        who = self._launch.plan.identity
        bwrap = self._launch.bwrap
        kind = (
            f"private uid {who.uid}, host is root" if who.drop else "user namespace" if bwrap else "same user"
        )
        limits = (
            f"{instructions(self._launch.filter_program)} instructions; {self._memory_mb} MB memory, "
            f"{self._launch.plan.disk_mb} MB disk, {self._processes} processes"
        )
        if bwrap:
            return Isolation("bubblewrap", f"{bwrap}: {kind}; no network; system-call filter of {limits}")
        weaker = "WEAKER LEVEL, asked for: no namespaces, names of the host's files can be seen"
        return Isolation("landlock", f"{weaker}; {kind}; no sockets; system-call filter of {limits}")

    def run_code(
        self,
        code: str,
        *,
        timeout: float = 30.0,
        on_stdout: Stream | None = None,
        on_stderr: Stream | None = None,
    ) -> Execution:
        """Run one cell. See `Sandbox.run_code`.

        A cell that ends the session (`state_lost`) leaves its files; the next cell finds a new session.

        Raises
        ------
        SandboxClosed
            After `close`.
        SandboxError
            If the code is longer than a million characters.
        """
        if len(code) > _CODE_LIMIT:
            raise SandboxError(f"{len(code)} characters of code; a cell may have {_CODE_LIMIT}")
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, not {timeout!r}")
        with self._lock, self._interruptible() as interruption:
            self._check_open()
            lost_between = self._revive()
            self._count += 1
            before = self._worker.work.stamps()
            cell = Cell(
                self._worker, self._count, self._output_bytes, on_stdout, on_stderr, interruption=interruption
            )
            execution = outcome(cell, cell.run(code, timeout), timeout, self._memory_mb)
            after = self._worker.work.stamps()
            changed = tuple(sorted(name for name, stamp in after.items() if before.get(name) != stamp))
            self._loss_told = execution.state_lost
            if self._lost:
                execution.logs.stderr.append(
                    f"not kept when the session began anew: {', '.join(self._lost)}\n"
                )
                self._lost = []
            return replace(execution, files=changed, state_lost=execution.state_lost or lost_between)

    def interrupt(self) -> None:
        """Stop the cell that runs, from another thread. See `Sandbox.interrupt`."""
        interruption = self._interruption
        if interruption is not None:
            interruption.set()

    def restart(self) -> None:
        """Begin a new Python process. Variables are gone; the files in the working directory are kept."""
        with self._lock:
            self._check_open()
            old, finalizer = self._worker, self._finalizer
            old.kill("restart")
            try:
                self._start()
                self._lost += self._worker.work.copy_from(old.work)
            finally:
                old.close()
                finalizer.detach()

    def close(self) -> None:
        """End the session. Its processes, files and descriptors are gone afterwards."""
        self._closed = True
        self._worker.kill("closed")  # ends a cell that runs in another thread, which holds the lock
        self.interrupt()  # only then: what is merely interrupted is told that it keeps its state
        with self._lock:
            self._worker.close()
            self._finalizer.detach()

    def list_files(self) -> list[FileInfo]:
        """The files in the working directory, hidden ones and links left out."""
        self._check_open()
        return self._worker.work.files()

    def download(self, name: str) -> bytes:
        """The content of one file.

        Raises
        ------
        SandboxFileError
            If there is no such ordinary file in the working directory.
        """
        self._check_open()
        return b"".join(self._worker.work.read(name))

    @contextmanager
    def _interruptible(self) -> Iterator[threading.Event]:
        """What `interrupt` sets, from the moment on that a cell's turn has come."""
        self._interruption = threading.Event()
        try:
            yield self._interruption
        finally:
            self._interruption = None

    def _start(self) -> None:
        self._worker = WorkerProcess(self._launch, self._memory_mb)
        self._finalizer = weakref.finalize(self, self._worker.close)

    def _revive(self) -> bool:
        """Start anew if the worker ended; True if nobody was told yet that the state is lost."""
        if self._worker.alive:
            return False
        self.restart()
        return not self._loss_told

    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        self._worker.work.write(name, chunks)


def probe(level: Literal["bubblewrap", "landlock"] = "bubblewrap") -> Isolation:
    """Start a sandbox, prove its isolation, and say how it is confined.

    Raises
    ------
    SandboxUnavailable
        With the reason and what to do, if code cannot be confined on this machine.
    """
    with LocalSandbox(packages=(), level=level) as box:
        return box.isolation
