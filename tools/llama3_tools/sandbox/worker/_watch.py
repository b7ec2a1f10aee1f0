"""Memory of everything that runs in a sandbox, as the host's `/proc` shows it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> Iterator[int]:
    """A process and all that came from it. Orphans are found too: inside, they become children of init."""
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        yield current
        waiting += children(current)


def children(pid: int) -> list[int]:
    """Direct children of all threads of a process; none for a process that is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def held(pid: int) -> int:
    """Like `resident`, with pages that several share counted once. Takes milliseconds for large processes."""
    return sum(map(_share, descendants(pid)))


def _share(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, IndexError):  # it does not tell, so that all of its pages count
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def resident(pid: int) -> int:
    """Bytes of memory held by a process and its descendants, pages that they share counted for each."""
    total = 0
    for each in descendants(pid):
        with contextlib.suppress(OSError, IndexError):
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * _PAGE
    return total
