"""The complete bubblewrap command of one sandbox: options, data files, order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ._host import Identity
from ._mounts import PACKAGES, PYTHON, SETTINGS, WORK, WORKER, Interpreter, system

_NAMESPACES = ("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_SCRATCH_MB, _SHARED_MB, _SETTINGS_MB = 64, 64, 16


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes that appear as a file inside without being one outside."""

    path: str
    content: bytes
    writable: bool = False
    """Copied into the tmpfs below it instead of bound read-only."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides what a sandbox sees."""

    identity: Identity
    interpreter: Interpreter
    packages: Mapping[str, Path]
    disk_mb: int
    data: tuple[Data, ...]

    def environment(self) -> dict[str, str]:
        """Everything that the code inside finds in `os.environ`."""
        variables = {
            "HOME": WORK,
            "LANG": "C.UTF-8",
            "LOGNAME": "sandbox",
            "MPLBACKEND": "agg",
            "MPLCONFIGDIR": SETTINGS,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PATH": "/usr/bin:/bin",
            "TMPDIR": "/tmp",
            "USER": "sandbox",
        }
        if self.interpreter.library_path:
            variables["LD_LIBRARY_PATH"] = self.interpreter.library_path
        return variables

    def options(self, data_fds: Mapping[str, int]) -> list[str]:
        """Options in the order in which bubblewrap carries them out.

        Parameters
        ----------
        data_fds
            For each path of `data`, a descriptor positioned at the start of its content.
        """
        return [
            *_process(),
            *self.identity.options,
            *_folders(),
            *_tmpfs(WORK, self.disk_mb, "1777"),
            *_tmpfs("/tmp", _SCRATCH_MB, "1777"),
            *_tmpfs(SETTINGS, _SETTINGS_MB, "1777"),
            *(word for option in system() for word in option),
            *_binds(self.interpreter, self.packages),
            *self._data(data_fds),
            *_kernel(),
            *(word for pair in self.environment().items() for word in ("--setenv", *pair)),
            "--chdir",
            WORK,
        ]

    def _data(self, data_fds: Mapping[str, int]) -> Iterator[str]:
        for item in self.data:
            mode = "0666" if item.writable else "0444"
            verb = "--file" if item.writable else "--ro-bind-data"
            yield from ("--perms", mode, verb, str(data_fds[item.path]), item.path)


def _process() -> list[str]:
    return [*_NAMESPACES, "--hostname", "sandbox", "--die-with-parent", "--new-session", "--clearenv"]


def _folders() -> Iterator[str]:
    # Implied parents would be 0700 and belong to root, out of reach for the user inside.
    for folder in ("/etc", "/opt", PYTHON, f"{PYTHON}/bin", PACKAGES, WORKER, "/usr", "/usr/share"):
        yield from ("--perms", "0755", "--dir", folder)


def _tmpfs(path: str, megabytes: int, mode: str) -> tuple[str, ...]:
    return "--perms", mode, "--size", str(megabytes * 2**20), "--tmpfs", path


def _binds(python: Interpreter, packages: Mapping[str, Path]) -> Iterator[str]:
    for outside, inside in python.binds:
        yield from ("--ro-bind", outside, inside)
    for folder in python.hidden:
        yield from (*_tmpfs(folder, 1, "0755"), "--remount-ro", folder)
    for name, place in sorted(packages.items()):
        yield from ("--ro-bind", os.fspath(place), f"{PACKAGES}/{name}")


def _kernel() -> Iterator[str]:
    yield from ("--proc", "/proc", "--dev", "/dev", *_tmpfs("/dev/shm", _SHARED_MB, "1777"))
    yield from ("--remount-ro", "/dev", "--remount-ro", "/")
