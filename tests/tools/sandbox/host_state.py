"""What of the host code in a sandbox could have changed, to be compared before and after."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from llama3_tools.sandbox.worker._watch import descendants

_SETTINGS = (
    "kernel/core_pattern", "kernel/hostname", "kernel/domainname", "kernel/sysrq", "kernel/pid_max",
    "kernel/randomize_va_space", "kernel/threads-max", "kernel/yama/ptrace_scope", "fs/file-max",
    "kernel/unprivileged_bpf_disabled", "vm/overcommit_memory", "vm/drop_caches", "net/ipv4/ip_forward",
    "fs/suid_dumpable",
)  # fmt: skip
_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/", "/etc", "/usr/lib", ".", "~")
_TABLES = (
    "/proc/net/unix",
    "/proc/sysvipc/shm",
    "/proc/sysvipc/msg",
    "/proc/sysvipc/sem",
    "/proc/keys",
    "/proc/swaps",
)


def host_state(mark: str, secret: Path) -> dict[str, Any]:
    """Kernel settings, mounts, names and keys that carry the mark, and all that this process holds.

    What other programs of the host may change at any time is left out.
    """
    status = secret.stat()
    return {
        "settings": {name: _text(f"/proc/sys/{name}") for name in _SETTINGS},
        "host name": socket.gethostname(),
        "clock": round((time.time() - time.monotonic()) / 10),
        "mounts": sorted(_text("/proc/self/mountinfo").splitlines()),
        "marked files": sorted(_marked_files(mark)),
        "marked entries": sorted(line for table in _TABLES for line in _entries(table, mark)),
        "secret": (secret.read_text(), status.st_mode, status.st_mtime_ns, status.st_nlink),
        "interpreter": [(place.name, place.stat().st_mtime_ns) for place in _of_the_interpreter()],
        "environment": {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"},
        "folder": str(Path.cwd()),
        "processes": sorted(descendants(os.getpid())),
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "limits": _text("/proc/self/limits"),
    }


def _text(place: str) -> str:
    try:
        return Path(place).read_text()
    except OSError as error:
        return str(error)


def _marked_files(mark: str) -> list[str]:
    found = []
    for folder in _FOLDERS:
        try:
            found += [str(place) for place in Path(folder).expanduser().iterdir() if mark in place.name]
        except OSError:
            continue
    return found


def _entries(table: str, mark: str) -> list[str]:
    marks = {mark, str(int(mark, 16))}
    return [line for line in _text(table).splitlines() if marks & set(line.replace("@", " ").split())]


def _of_the_interpreter() -> list[Path]:
    return [Path(os.__file__), Path(os.__file__).parent, Path(threading.__file__)]
