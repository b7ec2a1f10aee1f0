"""Starting bubblewrap with descriptors only: no temporary files, no host paths on its command line."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ._errors import SandboxUnavailable
from ._mounts import PACKAGES
from ._plan import Plan

_BOOT = "import sys; sys.path.insert(0, '/opt'); from sandbox.__main__ import main; main()"


@dataclass(frozen=True, slots=True)
class Launch:
    """What it takes to start one worker."""

    bwrap: str
    plan: Plan
    filter_program: bytes
    limits: Mapping[str, int]


@dataclass(slots=True)
class Ends:
    """The host's ends of a worker's channels. All are closed by `close`."""

    channel: socket.socket
    stdout: int
    stderr: int
    info: int

    def close(self) -> None:
        """Close every descriptor still open."""
        self.channel.close()
        for fd in {self.stdout, self.stderr, self.info} - {-1}:
            os.close(fd)
        self.stdout = self.stderr = self.info = -1


def spawn(launch: Launch) -> tuple[subprocess.Popen[bytes], Ends]:
    """Start bubblewrap in a session of its own, so that a terminal's Ctrl-C does not reach it."""
    with ExitStack() as inner:
        ours, theirs = socket.socketpair()
        inner.callback(theirs.close)
        stdout, stderr, info = (_pipe(inner) for _ in range(3))
        ends = Ends(ours, stdout[0], stderr[0], info[0])
        data = {item.path: _memory(inner, item.content) for item in launch.plan.data}
        seccomp = _memory(inner, launch.filter_program)
        options = [*launch.plan.options(data), "--seccomp", str(seccomp), "--info-fd", str(info[1])]
        arguments = _memory(inner, b"".join(os.fsencode(option) + b"\0" for option in options))
        command = ["bwrap", "--args", str(arguments), "--", *_worker(launch, theirs.fileno())]
        try:
            process = subprocess.Popen(
                command,
                executable=launch.bwrap,  # its path on the host would be readable inside as argv[0]
                stdin=subprocess.DEVNULL,
                stdout=stdout[1],
                stderr=stderr[1],
                env={},
                cwd="/",
                start_new_session=True,
                pass_fds=(theirs.fileno(), info[1], seccomp, arguments, *data.values()),
            )
        except OSError as error:
            ends.close()
            raise SandboxUnavailable(f"cannot start {launch.bwrap!r}: {error.strerror}") from None
    return process, ends


def read_init_pid(info: int, deadline: float) -> int | None:
    """The host's number of the sandbox's init, as bubblewrap reports it; None if it never does."""
    text = b""
    while select.select([info], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(info, 4096)
        if not part:
            break
        text += part
        if (pid := _child_pid(text)) is not None:
            return pid
    return None


def _child_pid(text: bytes) -> int | None:
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError):
        return None


def _worker(launch: Launch, channel: int) -> list[str]:
    who = launch.plan.identity
    settings: dict[str, Any] = {
        "fd": channel,
        "uid": who.uid if who.drop else None,
        "limits": dict(launch.limits),
        "packages": PACKAGES,
    }
    return [launch.plan.interpreter.command, "-I", "-S", "-B", "-c", _BOOT, json.dumps(settings)]


def _pipe(inner: ExitStack) -> tuple[int, int]:
    reading, writing = os.pipe()
    inner.callback(os.close, writing)
    return reading, writing


def _memory(inner: ExitStack, content: bytes) -> int:
    fd = os.memfd_create("sandbox", os.MFD_CLOEXEC)
    inner.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
