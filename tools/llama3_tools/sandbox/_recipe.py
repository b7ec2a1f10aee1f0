"""Putting a launch together from what this host has and what the caller wants."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from importlib import resources

from . import _fonts
from ._cell import Cell
from ._host import bubblewrap, identity, tasks_of
from ._mounts import SETTINGS, WORKER, interpreter
from ._packages import DATA_ANALYSIS, entries
from ._plan import Data, Plan
from ._seccomp import program
from ._spawn import Launch
from ._worker_process import WorkerProcess

_CPU_SECONDS = 3600
_MB = 2**20


def launch(
    level: str,
    memory_mb: int,
    disk_mb: int,
    processes: int,
    packages: Sequence[str] | None,
    figures: Sequence[str],
) -> Launch:
    """Everything to start a worker with.

    Raises
    ------
    SandboxUnavailable
        If this machine lacks something for it.
    """
    offered = entries(DATA_ANALYSIS if packages is None else packages, required=packages is not None)
    plan = Plan(
        identity=identity(),
        interpreter=interpreter(),
        packages=offered,
        disk_mb=disk_mb,
        data=(*_accounts(), *_worker_sources()),
    )
    namespaces = level == "bubblewrap"
    if not namespaces:
        processes += tasks_of(plan.identity)
    return Launch(
        bwrap=bubblewrap() if namespaces else None,
        plan=plan,
        filter_program=program(platform.machine(), namespaces=namespaces),
        limits=_limits(memory_mb, disk_mb, processes),
        figures=figures,
    )


def with_fonts(start: Launch, memory_mb: int) -> Launch:
    """The same launch with matplotlib's font list, which is built first if this installation has none yet."""
    if "matplotlib" not in start.plan.packages:
        return start
    key = _fonts.key(start.plan.packages.values())
    files = _fonts.load(key)
    if not files:
        files = _build_fonts(start, memory_mb)
        _fonts.store(key, files)
    data = [Data(f"{SETTINGS}/{name}", content, writable=True) for name, content in files.items()]
    return replace(start, plan=replace(start.plan, data=(*start.plan.data, *data)))


def _build_fonts(start: Launch, memory_mb: int) -> dict[str, bytes]:
    with closing(WorkerProcess(start, memory_mb)) as worker:
        Cell(worker, 1, _MB).run(_fonts.BUILD, 60.0)
        return {name: b"".join(worker.work.read(name)) for name in worker.work.stamps()}


def _limits(memory_mb: int, disk_mb: int, processes: int) -> dict[str, int]:
    return {
        "AS": memory_mb * _MB,
        "CORE": 0,
        "CPU": _CPU_SECONDS,
        "FSIZE": disk_mb * _MB,
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "NICE": 0,
        "NOFILE": 256,
        "NPROC": processes,
        "RTPRIO": 0,
        "STACK": 8 * _MB,
    }


def _accounts() -> list[Data]:
    """Names for the ids inside; nothing of the host's accounts."""
    return [
        Data("/etc/passwd", b"sandbox:x:1000:1000::/sandbox:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"),
        Data("/etc/group", b"sandbox:x:1000:\nnogroup:x:65534:\n"),
    ]


def _worker_sources() -> list[Data]:
    folder = resources.files(__package__) / "worker"
    sources = [place for place in folder.iterdir() if place.name.endswith(".py")]
    return [Data(f"{WORKER}/{place.name}", place.read_bytes()) for place in sources]
