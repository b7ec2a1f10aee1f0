"""What the confined process tries before any user code runs, and must not be able to do."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_EXPECTED_ROOT = {
    "bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "sandbox", "sbin", "tmp", "usr",
}  # fmt: skip


def escapes(*, namespaces: bool) -> list[str]:
    """What the process can reach and should not. Empty when the walls hold."""
    attempts = _ATTEMPTS if namespaces else {**_ATTEMPTS, **_ATTEMPTS_BELOW}
    found = [what for what, attempt in attempts.items() if _succeeds(attempt)]
    with suppress(OSError):
        found += [f"it sees /{name}" for name in sorted(set(os.listdir("/")) - _EXPECTED_ROOT)]  # noqa: PTH208
    return found


def _succeeds(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _network() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.sendto(b"?", ("192.0.2.1", 9))  # TEST-NET-1 of RFC 5737: leads nowhere


def _write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


_ATTEMPTS: dict[str, Callable[[], Any]] = {
    "it can send to the network": _network,
    "it can open a vsock": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close(),
    "it can open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "it can change kernel settings": lambda: _write("/proc/sys/kernel/core_pattern"),
    "it can write to /": lambda: _write("/escape"),
    "it can write to /usr": lambda: _write("/usr/lib/escape"),
    "it can write to its interpreter": lambda: _write(os.__file__),
    "it can write to /dev": lambda: _write("/dev/escape"),
    "it can become root": lambda: os.setuid(0),
}

_ATTEMPTS_BELOW: dict[str, Callable[[], Any]] = {
    "it can open a socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "it can send datagrams": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "it can read the host's accounts": lambda: Path("/etc/passwd").read_bytes(),
    "it can look at other processes": lambda: os.listdir("/proc"),  # noqa: PTH208
    "it can signal other processes": lambda: os.kill(os.getppid(), 0),
    "it can write to /tmp": lambda: _write(f"/tmp/escape-{os.getpid()}"),
}
"""Tried as well where there are no namespaces."""
