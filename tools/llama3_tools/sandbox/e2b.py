"""`E2BSandbox`: the same session in a microVM at e2b.dev (`E2B_API_KEY`).

The SDK is imported when a sandbox is made. Answers come from a machine that runs the model's code, so text is
cleaned like the local sandbox's.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ._errors import SandboxError, SandboxFileError, SandboxUnavailable
from ._session import Session
from ._text import clean, one_line
from ._types import FORMATS, Execution, ExecutionError, FileInfo, Isolation, Logs, Result, Stream

_HOME = "/home/user"
_GRACE_SECONDS = 5.0
_PLACE = re.compile(r"Cell In\[(\d+)\], line (\d+)")


class E2BSandbox(Session):
    """A stateful Python session in a remote microVM.

    Parameters
    ----------
    files
        Files to put into the working directory.
    api_key
        Instead of the environment's `E2B_API_KEY`.
    lifetime
        Seconds after which the service ends the machine.
    internet
        Whether the machine may reach the internet.
    output_bytes
        Most characters kept of what one cell prints.
    debug
        Use a code server on this machine (port 49999) instead of the service.

    Raises
    ------
    SandboxUnavailable
        If there is no key, or the service gives no machine.
    """

    def __init__(
        self,
        files: Iterable[str | os.PathLike[str]] = (),
        *,
        api_key: str | None = None,
        lifetime: int = 300,
        internet: bool = False,
        output_bytes: int = 1_000_000,
        debug: bool = False,
    ) -> None:
        self._lock = threading.RLock()
        self._wake: threading.Event | None = None
        self._output = output_bytes
        self._codes: dict[int, str] = {}
        self._remote = _create(api_key, lifetime, internet, debug)
        try:
            self._context = self._call(self._remote.create_code_context, cwd=_HOME)
            for file in files:
                self.upload(file)
        except BaseException:
            self.close()
            raise

    @property
    def isolation(self) -> Isolation:
        """Where the code runs."""
        return Isolation("e2b", f"microVM {self._remote.sandbox_id}")

    def run_code(
        self,
        code: str,
        *,
        timeout: float = 30.0,
        on_stdout: Stream | None = None,
        on_stderr: Stream | None = None,
    ) -> Execution:
        """Run one cell. See `Sandbox.run_code`. A cell that runs too long costs the session its variables."""
        with self._lock:
            self._check_open()
            ending, answer = self._timed(code, timeout, on_stdout, on_stderr)
            if ending == "answered":
                return self._execution(code, answer)
            self.restart()
            return _stopped(ending, timeout)

    def interrupt(self) -> None:
        """Stop the cell that runs. See `Sandbox.interrupt`. The SDK cannot: it costs the variables."""
        wake = self._wake
        if wake is not None:
            wake.set()

    def restart(self) -> None:
        """Begin a new Python process in the same machine."""
        with self._lock:
            self._check_open()
            self._codes.clear()
            self._context = self._call(self._remote.create_code_context, cwd=_HOME)

    def close(self) -> None:
        """End the machine."""
        self.interrupt()  # a cell that runs in another thread holds the lock
        with self._lock:
            if not self._closed:
                self._closed = True
                self._call(self._remote.kill)

    def list_files(self) -> list[FileInfo]:
        """The files in the working directory, hidden ones left out."""
        self._check_open()
        entries = self._call(self._remote.files.list, _HOME)
        files = [entry for entry in entries if entry.type is not None and entry.type.value == "file"]
        return sorted(
            (FileInfo(entry.name, entry.size) for entry in files if not entry.name.startswith(".")),
            key=lambda file: file.name,
        )

    def download(self, name: str) -> bytes:
        """The content of one file of the working directory."""
        self._check_open()
        if name.startswith("/") or ".." in Path(name).parts:
            raise SandboxFileError(f"{name!r} is not in the working directory")
        return bytes(self._call(self._remote.files.read, f"{_HOME}/{name}", format="bytes"))

    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        self._call(self._remote.files.write, f"{_HOME}/{name}", b"".join(chunks))

    def _timed(self, code: str, timeout: float, out: Stream | None, err: Stream | None) -> tuple[str, Any]:
        """Run on a clock of our own: the SDK's counts the pauses between answers only.

        Returns how it ended (`"answered"`, `"interrupted"`, `"timeout"`), and the answer.
        """
        box: list[Any] = []
        self._wake = wake = threading.Event()

        def work() -> None:
            try:
                box.append(
                    self._remote.run_code(
                        code,
                        context=self._context,
                        timeout=timeout,
                        on_stdout=_relay(out),
                        on_stderr=_relay(err),
                    )
                )
            except Exception as error:  # noqa: BLE001 - carried to the caller's thread and judged there
                box.append(error)
            wake.set()

        threading.Thread(target=work, name="e2b-cell", daemon=True).start()
        try:
            woken = wake.wait(timeout + _GRACE_SECONDS)
        finally:
            self._wake = None
        if not box:
            return ("interrupted" if woken else "timeout"), None
        if isinstance(box[0], import_module("e2b").TimeoutException):
            return "timeout", None
        if isinstance(box[0], Exception):
            raise SandboxError(f"E2B did not run the cell: {one_line(str(box[0]), 300)}") from box[0]
        return "answered", box[0]

    def _execution(self, code: str, answer: Any) -> Execution:
        count = int(answer.execution_count or 0)
        self._codes[count] = code
        error = None if answer.error is None else self._error(answer.error)
        logs = Logs(_cut(answer.logs.stdout, self._output), _cut(answer.logs.stderr, self._output))
        lost = error is not None and error.name == "ContextRestarting"
        return Execution([_result(item) for item in answer.results], logs, error, count, state_lost=lost)

    def _error(self, raw: Any) -> ExecutionError:
        places = []
        for cell, line in _PLACE.findall(clean(raw.traceback)):
            lines = self._codes.get(int(cell), "").splitlines()
            text = lines[int(line) - 1].strip() if 0 < int(line) <= len(lines) else ""
            places.append(f"  Cell {cell}, line {line}\n" + (f"    {text}\n" if text else ""))
        name, value = one_line(raw.name, 100), clean(raw.value)
        head = "Traceback (most recent call last):\n" if places else ""
        return ExecutionError(name, value, head + "".join(places) + (f"{name}: {value}" if value else name))

    def _call(self, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call the SDK; its many errors become ours."""
        try:
            return action(*arguments, **options)
        except import_module("e2b").NotFoundException as error:
            raise SandboxFileError(f"E2B: {one_line(str(error), 300)}") from error
        except _failures() as error:
            raise SandboxError(f"E2B: {one_line(str(error), 300)}") from error


def _create(api_key: str | None, lifetime: int, internet: bool, debug: bool) -> Any:
    try:
        sdk = import_module("e2b_code_interpreter")
    except ImportError:
        raise SandboxUnavailable("install `e2b-code-interpreter` to use the remote sandbox") from None
    key = api_key or os.environ.get("E2B_API_KEY")
    if not key and not debug:
        raise SandboxUnavailable(
            "the remote sandbox needs a key of e2b.dev: set E2B_API_KEY or pass `api_key=`"
        )
    try:
        return sdk.Sandbox.create(timeout=lifetime, allow_internet_access=internet, api_key=key, debug=debug)
    except _failures() as error:
        raise SandboxUnavailable(f"E2B gave no machine: {one_line(str(error), 300)}") from error


def _stopped(ending: str, timeout: float) -> Execution:
    """The execution of a cell that was left running in a context that is given up."""
    name, what = {
        "timeout": ("TimeoutError", f"the cell ran longer than {timeout:g} s"),
        "interrupted": ("KeyboardInterrupt", "the cell was interrupted from outside"),
    }[ending]
    value = f"{what}; its variables are gone, files are kept"
    error = ExecutionError(name, value, f"{name}: {value}")
    return Execution(error=error, timed_out=ending == "timeout", state_lost=True)


def _failures() -> tuple[type[Exception], ...]:
    """What the SDK raises when the service or the way to it fails."""
    sdk = import_module("e2b")
    return sdk.SandboxException, sdk.AuthenticationException, import_module("httpx").HTTPError


def _relay(callback: Stream | None) -> Callable[[Any], None] | None:
    return None if callback is None else lambda message: callback(clean(message.line))


def _cut(pieces: list[str], limit: int) -> list[str]:
    kept: list[str] = []
    for piece in pieces:
        kept.append(clean(piece[:limit]))
        limit -= len(piece)
        if limit <= 0:
            break
    return kept


def _result(item: Any) -> Result:
    forms = {kind: getattr(item, kind) for kind in FORMATS}
    text = forms.pop("text")
    shown = Result(**forms, is_main_result=bool(item.is_main_result))
    return shown if text is None else replace(shown, text=clean(text))
