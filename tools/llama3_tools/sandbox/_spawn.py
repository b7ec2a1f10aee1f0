"""Starting a worker: by bubblewrap, or at the lower level by itself."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._errors import SandboxUnavailable
from ._lower import environment, make_folder, remove_folder, settings
from ._mounts import PACKAGES
from ._plan import Plan

_BOOT = "import sys; sys.path.insert(0, {place!r}); from sandbox.{module} import main; main()"


@dataclass(frozen=True, slots=True)
class Launch:
    """What it takes to start one worker."""

    bwrap: str | None
    """Path of bubblewrap; None for the lower level, which does without."""
    plan: Plan
    filter_program: bytes
    limits: Mapping[str, int]
    figures: Sequence[str] = ("png",)


@dataclass(slots=True)
class Ends:
    """The host's ends of a worker's channels. All are closed by `close`."""

    channel: socket.socket
    stdout: int
    stderr: int
    info: int
    folder: Path | None = None
    """What the lower level has on the host's disk."""

    def close(self) -> None:
        """Close every descriptor still open, and remove the folder. Nothing of it may run any more."""
        self.channel.close()
        for fd in {self.stdout, self.stderr, self.info} - {-1}:
            os.close(fd)
        self.stdout = self.stderr = self.info = -1
        if self.folder is not None:
            remove_folder(self.folder)
            self.folder = None


@dataclass(frozen=True, slots=True)
class _Command:
    """A program to start, with the descriptors that it gets beside its channel and the info pipe."""

    words: list[str]
    executable: str
    fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


def spawn(launch: Launch) -> tuple[subprocess.Popen[bytes], Ends]:
    """Start the worker in a session of its own, so that a terminal's Ctrl-C does not reach it."""
    with ExitStack() as inner:
        ours, theirs = socket.socketpair()
        inner.callback(theirs.close)
        stdout, stderr, info = (_pipe(inner) for _ in range(3))
        ends = Ends(ours, stdout[0], stderr[0], info[0])
        try:
            make = _bubblewrap if launch.bwrap else _landlock
            command = make(launch, inner, theirs.fileno(), info[1])
            ends.folder = command.folder
            process = subprocess.Popen(
                command.words,
                executable=command.executable,  # its path on the host would be readable inside as argv[0]
                stdin=subprocess.DEVNULL,
                stdout=stdout[1],
                stderr=stderr[1],
                env=command.environment,
                cwd=command.folder / "work" if command.folder else "/",
                start_new_session=True,
                pass_fds=(theirs.fileno(), info[1], *command.fds),
            )
        except OSError as error:
            ends.close()
            raise SandboxUnavailable(str(error)) from None
    return process, ends


def _bubblewrap(launch: Launch, inner: ExitStack, channel: int, info: int) -> _Command:
    """bubblewrap by descriptors only: no temporary files, no host paths to be read, no environment."""
    assert launch.bwrap is not None
    data = {item.path: _memory(inner, item.content) for item in launch.plan.data}
    seccomp = _memory(inner, launch.filter_program)
    options = [*launch.plan.options(data), "--seccomp", str(seccomp), "--info-fd", str(info)]
    arguments = _memory(inner, b"".join(os.fsencode(option) + b"\0" for option in options))
    boot = _BOOT.format(place="/opt", module="__main__")
    more = {"packages": PACKAGES, "boot": "/opt"}
    worker = _python(launch.plan.interpreter.command, boot, {**_settings(launch, channel), **more})
    words = ["bwrap", "--args", str(arguments), "--", *worker]
    return _Command(words, launch.bwrap, (seccomp, arguments, *data.values()))


def _landlock(launch: Launch, inner: ExitStack, channel: int, info: int) -> _Command:
    """Python on the host, which then confines itself."""
    del inner
    folder = make_folder(launch.plan)
    boot = _BOOT.format(place=str(folder), module="_supervise")
    more = settings(launch.plan, folder, launch.filter_program, info)
    python = launch.plan.interpreter.outside
    words = _python(python, boot, {**_settings(launch, channel), **more})
    return _Command(words, python, (), environment(launch.plan, folder), folder)


def _python(command: str, boot: str, options: Mapping[str, Any]) -> list[str]:
    return [command, "-I", "-S", "-B", "-c", boot, json.dumps(options)]


def _settings(launch: Launch, channel: int) -> dict[str, Any]:
    who = launch.plan.identity
    return {
        "fd": channel,
        "uid": who.uid if who.drop else None,
        "limits": dict(launch.limits),
        "figures": list(launch.figures),
    }


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
