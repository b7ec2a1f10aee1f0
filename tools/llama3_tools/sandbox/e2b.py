"""`E2BSandbox`: the same session in a microVM at e2b.dev (`E2B_API_KEY`).

The SDK is imported when a sandbox is made. Answers come from a machine that runs the model's code, so they
are checked and cleaned like the local sandbox's.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Any, Self

from ._errors import SandboxError, SandboxFileError, SandboxUnavailable
from ._results import checked
from ._session import Session
from ._text import Cleaner, clean, one_line
from ._types import FORMATS, Execution, ExecutionError, FileInfo, Isolation, Logs, Result, Stream
from ._workdir import is_ordinary

_HOME = "/home/user"
_DEPTH, _MOST_FILES, _LARGEST = 4, 1_000, 1 << 30
_PLACE = re.compile(r"Cell In\[(\d+)\], line (\d+)(?:, in (\w+))?")
_SYNTAX_PLACE = re.compile(r" \(\S+\.py, line \d+\)\Z")

Stamps = dict[str, tuple[int, Any]]
"""Size and time of the last change, by name."""


class E2BSandbox(Session):
    """A stateful Python session in a remote microVM.

    Parameters
    ----------
    files
        Files to put into the working directory.
    api_key
        Instead of the environment's `E2B_API_KEY`.
    lifetime
        Seconds without a call after which the service ends the machine.
    internet
        Whether the machine may reach the internet.
    output_bytes
        Most characters that one cell may print; it is stopped beyond that.
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
        sdk, access = _sdk(api_key, debug)
        remote = _machine(sdk.Sandbox.create, timeout=lifetime, allow_internet_access=internet, **access)
        self._take_up(remote, access, lifetime, output_bytes)
        try:
            self._context = self._call(self._remote.create_code_context, cwd=_HOME)
            for file in files:
                self.upload(file)
        except BaseException:
            self.close()
            raise

    @classmethod
    def connect(
        cls,
        reference: str,
        *,
        api_key: str | None = None,
        lifetime: int = 300,
        output_bytes: int = 1_000_000,
        debug: bool = False,
    ) -> Self:
        """Take up a machine that runs or was paused, from this or another process.

        Closing it here ends the machine for all.

        Parameters
        ----------
        reference
            As `reference` or `pause` gave it, for variables and files; or the id of a machine, for the files.
        """
        sdk, access = _sdk(api_key, debug)
        machine, _, context = reference.partition("/")
        box = cls.__new__(cls)
        remote = _machine(sdk.Sandbox.connect, machine, timeout=lifetime, **access)
        box._take_up(remote, access, lifetime, output_bytes)
        if context:
            box._context = import_module("e2b_code_interpreter.models").Context(context, "python", _HOME)
        else:
            box._context = box._call(remote.create_code_context, cwd=_HOME)
        box._stamps = box._known_stamps()
        return box

    @property
    def reference(self) -> str:
        """What `connect` takes to find this session again."""
        return f"{self._remote.sandbox_id}/{self._context.id}"

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
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, not {timeout!r}")
        with self._lock:
            self._check_open()
            self._stay_alive()
            printed = _Printed(self._output, on_stdout, on_stderr)
            ending, answer = self._timed(code, timeout, printed)
            if ending == "answered":
                execution = self._execution(code, answer, printed)
            else:
                self.restart()
                execution = _stopped(ending, timeout, printed)
            return self._with_files(execution)

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
            old, self._context = self._context, self._call(self._remote.create_code_context, cwd=_HOME)
            self._drop(old)

    def pause(self) -> str:
        """Put the machine to sleep, memory and files with it, and close this object.

        Returns
        -------
        str
            What `connect` takes to wake it up.

        Raises
        ------
        SandboxError
            If the installed SDK or the service cannot.
        """
        with self._lock:
            self._check_open()
            pause = getattr(self._remote, "pause", None) or getattr(self._remote, "beta_pause", None)
            if pause is None:
                raise SandboxError("the installed E2B SDK cannot pause a sandbox; upgrade `e2b`")
            reference = self.reference
            self._call(pause, **self._access)  # not every version of the SDK remembers them for this call
            self._closed = True
            return reference

    def close(self) -> None:
        """End the machine."""
        self.interrupt()  # a cell that runs in another thread holds the lock
        with self._lock:
            if not self._closed:
                self._closed = True
                self._call(self._remote.kill)

    def list_files(self) -> list[FileInfo]:
        """The files in the working directory, hidden ones and links left out."""
        self._check_open()
        return [FileInfo(name, size) for name, (size, _) in sorted(self._list().items())]

    def download(self, name: str) -> bytes:
        """The content of one file of the working directory."""
        self._check_open()
        found = self._list().get(name)
        if found is None:
            raise SandboxFileError(f"there is no file {name!r} in the working directory")
        if found[0] > _LARGEST:
            raise SandboxFileError(f"{name!r} has {found[0]} bytes; {_LARGEST} can be brought out")
        return bytes(self._call(self._remote.files.read, f"{_HOME}/{name}", format="bytes"))

    def _take_up(self, remote: Any, access: dict[str, Any], lifetime: int, output_bytes: int) -> None:
        self._access = access
        self._remote, self._lifetime, self._output = remote, lifetime, output_bytes
        self._lock = threading.RLock()
        self._wake: threading.Event | None = None
        self._codes: dict[int, str] = {}
        self._stamps: Stamps = {}
        self._extended = time.monotonic()
        self._context = None

    def _stay_alive(self) -> None:
        """The service counts from the last extension, not from the last call."""
        if time.monotonic() - self._extended > self._lifetime / 4:
            self._call(self._remote.set_timeout, self._lifetime)
            self._extended = time.monotonic()

    def _write(self, name: str, chunks: Iterator[bytes]) -> None:
        self._call(self._remote.files.write, f"{_HOME}/{name}", b"".join(chunks))
        self._stamps = self._known_stamps()

    def _list(self) -> Stamps:
        entries = self._call(self._remote.files.list, _HOME, depth=_DEPTH)
        found: Stamps = {}
        for entry in entries:
            name = str(entry.path).removeprefix(f"{_HOME}/")
            is_file = entry.type is not None and entry.type.value == "file" and entry.symlink_target is None
            if is_file and all(map(is_ordinary, name.split("/"))) and len(found) < _MOST_FILES:
                found[name] = (int(entry.size), entry.modified_time)
        return found

    def _known_stamps(self) -> Stamps:
        with suppress(SandboxError):
            return self._list()
        return self._stamps

    def _with_files(self, execution: Execution) -> Execution:
        """The execution with the names of files that changed since the last look."""
        try:
            after = self._list()
        except SandboxError as error:  # what the cell brought about is not lost for want of a listing
            execution.logs.stderr.append(f"new files could not be listed: {error}\n")
            return execution
        changed = tuple(sorted(name for name, stamp in after.items() if self._stamps.get(name) != stamp))
        self._stamps = after
        return replace(execution, files=changed)

    def _timed(self, code: str, timeout: float, printed: _Printed) -> tuple[str, Any]:
        """Run on a clock of our own: the SDK's counts the pauses between answers only.

        Returns how it ended (`"answered"`, `"interrupted"`, `"timeout"`, `"output"`), and the answer.
        """
        box: list[Any] = []
        self._wake = wake = threading.Event()

        def work() -> None:
            try:
                answer = self._remote.run_code(
                    code,
                    context=self._context,
                    timeout=timeout,
                    on_stdout=lambda message: printed.take(message.line, error=False),
                    on_stderr=lambda message: printed.take(message.line, error=True),
                )
                box.append(answer)
            except BaseException as error:  # noqa: BLE001 - carried to the caller's thread and judged there
                box.append(error)
            wake.set()

        began = time.monotonic()
        threading.Thread(target=work, name="e2b-cell", daemon=True).start()
        try:
            woken = wake.wait(timeout)
        except BaseException:  # the caller was interrupted: nothing more may be called back
            printed.deaf = True
            self.restart()
            raise
        finally:
            self._wake = None
        if not box:
            printed.deaf = True
            return ("interrupted" if woken else "timeout"), None
        if printed.failure is not None:
            self.restart()
            raise printed.failure
        return self._judge(box[0], late=time.monotonic() - began >= timeout)

    def _judge(self, answer: Any, *, late: bool) -> tuple[str, Any]:
        if isinstance(answer, _TooMuch):
            return "output", None
        if isinstance(answer, import_module("e2b").TimeoutException) and late:
            return "timeout", None
        if isinstance(answer, Exception):
            raise SandboxError(f"E2B did not run the cell: {one_line(str(answer), 300)}") from answer
        if isinstance(answer, BaseException):
            raise answer
        return "answered", answer

    def _execution(self, code: str, answer: Any, printed: _Printed) -> Execution:
        count = int(answer.execution_count or 0)
        self._codes[count] = code
        error = None if answer.error is None else self._error(answer.error)
        lost = answer.error is not None and answer.error.name == "ContextRestarting"
        if lost:
            self._codes.clear()
            value = "the Python process ended; the session was ended: variables are gone, files are kept"
            error = ExecutionError("SessionEnded", value, f"SessionEnded: {value}")
        return Execution(
            [_result(item) for item in answer.results], printed.logs(), error, count, state_lost=lost
        )

    def _error(self, raw: Any) -> ExecutionError:
        places = []
        for cell, line, function in _PLACE.findall(clean(raw.traceback)):
            lines = self._codes.get(int(cell), "").splitlines()
            text = lines[int(line) - 1].strip() if 0 < int(line) <= len(lines) else ""
            where = f", in {function}" if function else ""
            places.append(f"  Cell {cell}, line {line}{where}\n" + (f"    {text}\n" if text else ""))
        name, value = one_line(raw.name, 100), _SYNTAX_PLACE.sub("", clean(raw.value))
        head = "Traceback (most recent call last):\n" if places else ""
        return ExecutionError(name, value, head + "".join(places) + (f"{name}: {value}" if value else name))

    def _drop(self, context: Any) -> None:
        """End a Python process that was given up, as far as the SDK can: what runs in it would run on."""
        remove = getattr(self._remote, "remove_code_context", None)
        with suppress(SandboxError):
            if remove is not None:
                self._call(remove, context)

    def _call(self, action: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call the SDK; its many errors become ours."""
        try:
            return action(*arguments, **options)
        except import_module("e2b").NotFoundException as error:
            raise SandboxFileError(f"E2B: {one_line(str(error), 300)}") from error
        except _failures() as error:
            raise SandboxError(f"E2B: {one_line(str(error), 300)}") from error


class _TooMuch(Exception):  # noqa: N818
    """Raised through the SDK, whose answer then ends."""


class _Printed:
    """What a cell prints, cleaned, counted and passed on (in a thread of the SDK's call)."""

    def __init__(self, limit: int, out: Stream | None, err: Stream | None) -> None:
        self.deaf = False
        self.failure: BaseException | None = None
        self._room = limit
        self._pieces: tuple[list[str], list[str]] = ([], [])
        self._streams, self._cleaners = (out, err), (Cleaner(), Cleaner())

    def take(self, text: str, *, error: bool) -> None:
        """One piece, as the SDK calls back with it."""
        if self.deaf:
            raise _TooMuch
        self._give(error, self._cleaners[error].feed(text[: max(0, self._room)]))
        self._room -= len(text)
        if self._room < 0:
            raise _TooMuch

    def logs(self) -> Logs:
        """All of it."""
        for error in (False, True):
            self._give(error, self._cleaners[error].finish())
        return Logs(list(self._pieces[0]), list(self._pieces[1]))

    def _give(self, error: bool, text: str) -> None:
        if text:
            self._pieces[error].append(text)
            if (stream := self._streams[error]) is not None:
                try:
                    stream(text)
                except BaseException as failure:
                    self.failure = failure
                    raise _TooMuch from failure


def _sdk(api_key: str | None, debug: bool) -> tuple[Any, dict[str, Any]]:
    """The SDK, and what each of its calls to the service needs."""
    try:
        sdk = import_module("e2b_code_interpreter")
    except ImportError:
        raise SandboxUnavailable("install `e2b-code-interpreter` to use the remote sandbox") from None
    key = api_key or os.environ.get("E2B_API_KEY")
    if not key and not debug:
        raise SandboxUnavailable(
            "the remote sandbox needs a key of e2b.dev: set E2B_API_KEY or pass `api_key=`"
        )
    return sdk, {"api_key": key, "debug": debug}


def _machine(get: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    try:
        return get(*arguments, **options)
    except _failures() as error:
        raise SandboxUnavailable(f"E2B gave no machine: {one_line(str(error), 300)}") from error


def _stopped(ending: str, timeout: float, printed: _Printed) -> Execution:
    """The execution of a cell that was left running in a context that is given up."""
    name, what = {
        "timeout": ("TimeoutError", f"the cell ran longer than {timeout:g} s and was stopped"),
        "interrupted": ("KeyboardInterrupt", "the cell was interrupted from outside"),
        "output": ("OutputLimit", "the cell printed too much and was stopped"),
    }[ending]
    value = f"{what}; the session was ended: variables are gone, files are kept"
    error = ExecutionError(name, value, f"{name}: {value}")
    return Execution([], printed.logs(), error, timed_out=ending == "timeout", state_lost=True)


def _failures() -> tuple[type[Exception], ...]:
    """What the SDK raises when the service or the way to it fails."""
    sdk, core = import_module("e2b"), import_module("httpcore")
    ways = (import_module("httpx").HTTPError, core.NetworkError, core.TimeoutException, core.ProtocolError)
    return sdk.SandboxException, sdk.AuthenticationException, *ways, ValueError


def _result(item: Any) -> Result:
    forms = {kind: getattr(item, kind, None) for kind in FORMATS}
    if forms["chart"] is not None and hasattr(forms["chart"], "to_dict"):
        forms["chart"] = forms["chart"].to_dict()
    main = bool(item.is_main_result)
    return checked({**forms, "extra": getattr(item, "extra", None) or {}, "is_main_result": main})
