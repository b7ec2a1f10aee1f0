"""What stands in for a pid namespace: a parent, outside the confinement, that no process can get away from.

Orphans of the sandbox become its children. It ends them all when the worker ends, when the host says so
(SIGTERM), and when the host is gone (SIGHUP), in which case it removes the folder too. It runs nothing of the
user's.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from ._watch import descendants

_PARENT_DEATH_SIGNAL, _CHILD_SUBREAPER = 1, 36
_TOLD = {signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}


def main() -> None:
    """Start the worker as the JSON in the first argument says, and stay until it has ended."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)
    libc = ctypes.CDLL(None)
    libc.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PARENT_DEATH_SIGNAL, int(signal.SIGHUP), 0, 0, 0)
    gone = os.getppid() != options["parent"]
    worker = 0 if gone else os.fork()
    if worker == 0 and not gone:
        _work(options)
    status, deserted = (0, True) if gone else _stay(worker, options)
    _end_all()
    if deserted:
        subprocess.run(["rm", "-rf", "--", options["folder"]], check=False)
    os._exit(status)


def _work(options: dict[str, Any]) -> None:
    try:
        os.close(options["info"])
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        from .__main__ import main as serve  # here, for the supervisor needs nothing of it

        serve()
        os._exit(0)
    except SystemExit as refusal:
        os.write(2, f"{refusal}\n".encode())
    except BaseException as error:  # noqa: BLE001 - the process has to end here, and to say why
        os.write(2, f"{error!r}\n".encode())
    os._exit(1)


def _stay(worker: int, options: dict[str, Any]) -> tuple[int, bool]:
    """Wait for an end; return the status to report, and whether the host is gone."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2, options["fd"]):  # so that the host sees when the worker's own are closed
        os.dup2(null, fd)
    os.write(options["info"], json.dumps({"child-pid": os.getpid()}).encode())
    os.close(options["info"])
    while True:
        told = signal.sigwait(_TOLD)
        if told != signal.SIGCHLD:
            return 128 + signal.SIGKILL, told == signal.SIGHUP
        for pid, status in _reaped():
            if pid == worker:
                code = os.waitstatus_to_exitcode(status)
                return (code if code >= 0 else 128 - code), False


def _end_all() -> None:
    me = os.getpid()
    while rest := [pid for pid in descendants(me) if pid != me]:
        for pid in rest:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not list(_reaped()):
            time.sleep(0.001)


def _reaped() -> Any:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            yield ended
