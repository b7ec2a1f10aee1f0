"""The living part of a thread: its sandbox, its place in the engine's cache, its stop signal."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llama3_tools import SandboxError

from ._code import CodeRunner, Harvest
from .errors import ConfigurationError, ThreadBusy

if TYPE_CHECKING:
    from llama3_tools import Sandbox

    from ._conversation import Conversation
    from ._structured import OutputType
    from .engine import Engine
    from .events import ToolResult


@dataclass(slots=True)
class Session:
    """What a thread has while the agent lives; a checkpoint holds the rest.

    Attributes:
        thread: The thread's name.
        key: The engine's session, so that its cache belongs to this thread alone.
        names: Whose variables its code sees: the gate remembers names under this.
        make_sandbox: Makes the sandbox when it is first needed; None for no sandbox.
        slots: Lets so many calls at a time be carried out.
        stop: Set to end the answer being given.
        busy: Held while a question is being answered.
        harvest: What the code of the current run left behind.
        in_code: Whether its code is running in the sandbox, which other threads may share.
        output_type: What the answer to the last question is to be, if more than text.
        run: Names the question being answered; see `State`.
        conversation: The living form of what the last checkpoint holds, so that no step reads it again.
        paths: Files to put into a sandbox that is started for a thread which had them before.
        out_of_time: Whether the stop signal was given because the run took too long.
        pending: Results by call id that nobody has been told of, since the guards have yet to see them.
    """

    thread: str
    key: str
    names: str
    make_sandbox: Callable[[], Sandbox] | None
    slots: threading.Semaphore
    stop: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)
    harvest: Harvest = field(default_factory=Harvest)
    in_code: bool = False
    output_type: OutputType | None = None
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    conversation: Conversation | None = None
    paths: Sequence[str] = ()
    out_of_time: bool = False
    pending: dict[str, ToolResult] = field(default_factory=dict)
    _sandbox: Sandbox | None = None
    _timer: threading.Timer | None = None

    def sandbox(self) -> Sandbox:
        """Return the thread's sandbox, started now if it has none yet.

        Raises:
            SandboxUnavailable: code cannot be confined on this machine; nothing was run.
        """
        if self._sandbox is None:
            assert self.make_sandbox is not None
            self._sandbox = self.make_sandbox()
            for path in self.paths:
                # One that is gone or does not fit any more is missed by the code that reads it, with an error
                # of its own.
                with suppress(SandboxError):
                    self._sandbox.upload(path)
        return self._sandbox

    def begin(self, seconds: float | None = None) -> None:
        """Take the thread for one question, to be stopped after so many seconds.

        Raises:
            ThreadBusy: it is still answering another.
        """
        if not self.busy.acquire(blocking=False):
            raise ThreadBusy(
                f"thread {self.thread!r} is still answering; wait, cancel it, or use another thread"
            )
        self.stop.clear()
        self.harvest = Harvest()
        self.run = uuid.uuid4().hex[:12]
        self.out_of_time, self.pending = False, {}
        if seconds is not None:
            self._timer = threading.Timer(seconds, self._run_out)
            self._timer.daemon = True
            self._timer.start()

    def leave(self) -> None:
        """Give the thread free again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.busy.release()

    def _run_out(self) -> None:
        self.out_of_time = True
        self.cancel()

    def cancel(self) -> None:
        """End the answer being given: the writing, and the code that runs."""
        self.stop.set()
        if self.in_code and self._sandbox is not None:
            self._sandbox.interrupt()

    def end(self, *, close: bool) -> None:
        """Stop, and close the sandbox if it is ours."""
        self.stop.set()
        if close and self._sandbox is not None:
            with suppress(SandboxError):  # a remote machine out of reach ends by itself; the rest must go on
                self._sandbox.close()


class Sessions:
    """All sessions of an agent, made when first asked for.

    Args:
        engine: Whose caches to release.
        sandbox: Makes a sandbox for a new session; None for no sandbox.
        code: Has the gate, which remembers what ran in each sandbox.
        shared: Whether ``sandbox`` always gives the same one, which is then not ours to close.
        tenant: Whose prefixes the engine may reuse.
        parallel: Calls of one message that are carried out at once.
    """

    def __init__(
        self,
        engine: Engine,
        sandbox: Callable[[], Sandbox] | None,
        code: CodeRunner,
        *,
        shared: bool = False,
        tenant: str = "",
        parallel: int = 8,
    ) -> None:
        self._engine = engine
        self.tenant = tenant
        self._code = code
        self._sandbox = sandbox
        self._shared = shared
        self._parallel = parallel
        self._prefix = uuid.uuid4().hex[:8]
        self._sessions: dict[str, Session] = {}
        self._lock = threading.RLock()  # a signal handler may come in while it is held
        self._closed = False

    @property
    def has_sandbox(self) -> bool:
        """Whether code can run at all."""
        return self._sandbox is not None

    def open(self, thread: str) -> Session:
        """Return the thread's session.

        Raises:
            ConfigurationError: the agent is closed.
        """
        with self._lock:
            if self._closed:
                raise ConfigurationError("the agent is closed; make a new one")
            if thread not in self._sessions:
                key = f"{self._prefix}-{thread}"
                names = self._prefix if self._shared else key
                slots = threading.Semaphore(self._parallel)
                self._sessions[thread] = Session(thread, key, names, self._sandbox, slots)
            return self._sessions[thread]

    def stop(self, thread: str | None = None) -> None:
        """Tell a thread, or all of them, to end the answer being given."""
        with self._lock:
            sessions = [one for one in self._sessions.values() if thread in (None, one.thread)]
        for session in sessions:
            session.cancel()

    def release(self, thread: str) -> None:
        """Forget a thread's session: close its sandbox, drop its cache. Unknown threads are ignored."""
        with self._lock:
            session = self._sessions.pop(thread, None)
        if session is not None:
            self._end(session)

    def close(self) -> None:
        """Release everything, for good."""
        self.stop()
        with self._lock:
            self._closed = True
            sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            self._end(session)

    def _end(self, session: Session) -> None:
        self._engine.release(session.key, tenant=self.tenant)
        session.end(close=not self._shared)
        if not self._shared:
            self._code.forget(session.names)
