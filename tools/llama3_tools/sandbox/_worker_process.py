"""The host's handle on one running worker: start and prove it, interrupt it, watch its memory, end it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from typing import Any

from ._errors import SandboxUnavailable
from ._frames import Frames, MalformedReply
from ._host import Identity
from ._lower import occupied
from ._proof import prove
from ._spawn import Ends, Launch, read_init_pid, spawn
from ._text import one_line
from ._workdir import WorkDirectory
from .worker._watch import children, held, resident

_START_SECONDS = 20.0
_POLL_SECONDS = 0.05
_LOOK_PAUSE = 4


class WorkerProcess:
    """A started and proven worker.

    Raises
    ------
    SandboxUnavailable
        If it does not start, or is not confined. Nothing is left behind then.
    """

    def __init__(self, launch: Launch, memory_mb: int) -> None:
        self.killed_for: str | None = None
        """Why the host ended it, when it did."""
        self.work: WorkDirectory
        self._memory, self._disk = memory_mb * 2**20, launch.plan.disk_mb * 2**20
        self._next_look = 0.0
        # bubblewrap's init takes all with it; without one, a supervisor does, when it is told to.
        self._end_signal = signal.SIGKILL if launch.bwrap else signal.SIGTERM
        self._stop = threading.Event()
        self._pidfds: dict[str, int] = {}
        self._closing = threading.Lock()
        self._closed = False
        self._keeper = _Keeper(launch)
        self._process, self._ends = self._keeper.spawned()
        try:
            self._attach(launch)
        except BaseException:
            self.close()
            raise
        self._keeper.watch(self._check_limits)

    @property
    def ends(self) -> Ends:
        """The channels to it."""
        return self._ends

    @property
    def alive(self) -> bool:
        """Whether it still runs, and is meant to."""
        return not self._closed and self.killed_for is None and self._process.poll() is None

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the cell that runs; nothing happens between cells."""
        self._signal("worker", signal.SIGINT)

    def kill(self, reason: str) -> None:
        """End everything in the sandbox at once. The first reason given is kept."""
        self.killed_for = self.killed_for or reason
        self._signal("init", self._end_signal)

    def ended(self, seconds: float = 2.0) -> int | None:
        """Wait a moment for the end and return the status that bubblewrap reports (128 + signal)."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def close(self) -> None:
        """End it and release every descriptor. May be called twice, and from any thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self.kill("closed")
        if "init" not in self._pidfds:
            self._process.send_signal(self._end_signal)
        self._process.wait()
        self._keeper.stop()
        self._ends.close()
        with self._closing:
            while self._pidfds:
                os.close(self._pidfds.popitem()[1])
        if hasattr(self, "work"):
            self.work.close()

    def _attach(self, launch: Launch) -> None:
        deadline = time.monotonic() + _START_SECONDS
        init = read_init_pid(self._ends.info, deadline)
        if init is None:
            who = "bubblewrap" if launch.bwrap else "Landlock"
            raise SandboxUnavailable(self._complaint(f"{who} cannot confine anything here"))
        self._init = init
        self._open("init", init)
        greeting, work = self._greeting(deadline)
        self.work = WorkDirectory(work, _owner(launch.plan.identity), launch.plan.disk_mb)
        running = children(init)
        if len(running) != 1 or not resident(init):
            raise SandboxUnavailable(
                "the sandbox's processes cannot be watched: is /proc restricted on this host?"
            )
        self._open("worker", running[0])
        if not launch.plan.identity.drop:
            self._limit_init(launch)
        namespaces = launch.bwrap is not None
        prove(
            running[0],
            launch.plan.identity,
            greeting["escapes"],
            launch.limits["NPROC"],
            namespaces=namespaces,
        )
        self._supervised = not namespaces

    def _limit_init(self, launch: Launch) -> None:
        """An ordinary user's init belongs to the same user as the code, which could make it do its work."""
        if launch.bwrap is not None:
            for name, value in launch.limits.items():
                resource.prlimit(self._init, getattr(resource, f"RLIMIT_{name}"), (value, value))

    def _greeting(self, deadline: float) -> tuple[dict[str, Any], int]:
        """The worker's first message and its working directory; no user code has run yet."""
        channel = self._ends.channel
        channel.settimeout(max(0.1, deadline - time.monotonic()))
        frames, messages, fds = Frames(), list[dict[str, Any]](), list[int]()
        try:
            while not messages:
                data, new, _, _ = socket.recv_fds(channel, 1 << 16, 1, socket.MSG_CMSG_CLOEXEC)
                fds += new
                if not data:
                    break
                messages = frames.feed(data)
        except (OSError, MalformedReply) as error:
            raise SandboxUnavailable(self._complaint(f"the sandbox did not come up ({error})")) from None
        if not messages or len(fds) != 1:
            raise SandboxUnavailable(self._complaint("the Python inside did not start"))
        return messages[0], fds[0]

    def _complaint(self, what: str) -> str:
        """`what`, and what bubblewrap or Python said about it."""
        self._process.send_signal(self._end_signal)
        self._process.wait()
        os.set_blocking(self._ends.stderr, False)
        said = ""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self._ends.stderr, 1 << 16).decode(errors="replace")
        return f"{what}: {one_line(said[-2_000:], 600) or 'no reason given'}{_hint(said)}"

    def _open(self, name: str, pid: int) -> None:
        try:
            self._pidfds[name] = os.pidfd_open(pid)
        except OSError as error:
            raise SandboxUnavailable(
                self._complaint(f"the sandbox ended at once ({error.strerror})")
            ) from None

    def _signal(self, name: str, number: signal.Signals) -> None:
        with self._closing, contextlib.suppress(ProcessLookupError):
            if name in self._pidfds:
                signal.pidfd_send_signal(self._pidfds[name], number)

    def _check_limits(self) -> None:
        if resident(self._init) > self._memory and self._holds_too_much():
            self.kill("memory")
        if self._supervised and occupied(self.work.fd) > self._disk:
            self.kill("disk")

    def _holds_too_much(self) -> bool:
        """Whether it is too much also when shared pages count once. To find out takes time: now and then."""
        began = time.monotonic()
        if began < self._next_look:
            return False
        too_much = held(self._init) > self._memory
        ended = time.monotonic()
        self._next_look = ended + _LOOK_PAUSE * (ended - began)
        return too_much


_INSTEAD = "or use E2B; or ask for the weaker level by LocalSandbox(level='landlock')"


class _Keeper(threading.Thread):
    """Starts bubblewrap and watches it.

    The kernel ties `--die-with-parent` to the *thread* that started it, so that thread has to live as long.
    """

    def __init__(self, launch: Launch) -> None:
        super().__init__(name="sandbox-keeper", daemon=True)
        self._launch = launch
        self._spawned = threading.Event()
        self._stopping = threading.Event()
        self._outcome: tuple[subprocess.Popen[bytes], Ends] | SandboxUnavailable | OSError | None = None
        self._check = _nothing
        self.start()

    def run(self) -> None:
        try:
            self._outcome = spawn(self._launch)
        except (SandboxUnavailable, OSError) as error:
            self._outcome = error
            return
        finally:
            self._spawned.set()
        while not self._stopping.wait(_POLL_SECONDS):
            self._check()

    def spawned(self) -> tuple[subprocess.Popen[bytes], Ends]:
        """The process and the channels to it."""
        self._spawned.wait()
        if isinstance(self._outcome, tuple):
            return self._outcome
        raise SandboxUnavailable(f"the sandbox cannot be started: {self._outcome}")

    def watch(self, check: Any) -> None:
        """Call `check` regularly from now on."""
        self._check = check

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if threading.current_thread() is not self:
            self.join()


def _nothing() -> None:
    """Before there is anything to watch."""


def _owner(who: Identity) -> int | None:
    return who.uid if who.drop else None


def _hint(said: str) -> str:
    if "loopback" in said or "uid map" in said:
        return f" (AppArmor restricts user namespaces on this host; allow them for bwrap; {_INSTEAD})"
    if "namespace" in said or "Operation not permitted" in said:
        return f" (namespaces are refused, as in containers by default; allow them; {_INSTEAD})"
    if "Permission denied" in said and "source path" in said:
        return (
            " (Python or a package lies in a folder that this user may not read; use a readable installation)"
        )
    return ""
