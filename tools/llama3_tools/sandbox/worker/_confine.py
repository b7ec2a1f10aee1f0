"""What the process gives up before any user code runs."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from . import _landlock

_PR_SET_DUMPABLE = 4
_CAPABILITY_VERSION_3 = 0x20080522
_KEPT_BACK = 32 * 2**20


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


@contextmanager
def with_less_memory() -> Iterator[None]:
    """Keep some of the address space back, so that a cell that took all leaves enough for a `del x`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (min(soft, max(hard - _KEPT_BACK, hard // 2)), hard))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def lower(options: dict[str, Any]) -> None:
    """Confine this process where it has no namespaces of its own.

    Raises
    ------
    SystemExit
        If the kernel offers too little for it, or the interpreter is out of this user's reach.
    """
    oldest, version = options["landlock"], _landlock.version()
    if version < oldest:
        sys.exit(f"Landlock {oldest} or newer is needed (as in Linux 6.12); this kernel has {version}")
    if hidden := _landlock.unreadable([os.__file__, *options["looked_at"]]):
        sys.exit(f"Permission denied for the source path {hidden[0]}")
    _landlock.restrict(options["looked_at"], options["changed"], options["devices"])
    _landlock.install(b64decode(options["filter"]))
