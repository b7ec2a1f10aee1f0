"""What the process gives up before any user code runs, and what it then still can do."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PR_SET_DUMPABLE = 4
_CAPABILITY_VERSION_3 = 0x20080522
_EXPECTED_ROOT = {
    "bin", "dev", "etc", "lib", "lib32", "lib64", "opt", "proc", "sandbox", "sbin", "tmp", "usr",
}  # fmt: skip


def become(uid: int) -> None:
    """Give up root for good: no groups, and a real, effective and saved id of the sandbox's own."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    libc = ctypes.CDLL(None, use_errno=True)
    # Inheritable capabilities outlive the change of ids; all three sets of each half go.
    if libc.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "cannot drop capabilities")
    # After a change of ids the process may not look at its own /proc entry, which libraries do.
    libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def limit(limits: dict[str, int]) -> None:
    """Set each limit (`"AS"`, `"NPROC"`, ... of `resource`), soft and hard alike, or keep a lower one."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        lower = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (lower, lower))


def escapes() -> list[str]:
    """What the process can still reach and should not. Empty when the walls hold."""
    attempts: dict[str, Callable[[], Any]] = {
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
    strange = sorted({entry.name for entry in Path("/").iterdir()} - _EXPECTED_ROOT)
    return [what for what, attempt in attempts.items() if _succeeds(attempt)] + [
        f"it sees /{name}" for name in strange
    ]


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
