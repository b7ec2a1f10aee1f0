"""How much memory there is left, so that what cannot fit is refused before the system kills the process."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

_CGROUP = Path("/sys/fs/cgroup")
_RESERVE = 256 * 2**20
"""Left to everything else: activations, the interpreter, other programs."""


def free_bytes(device: torch.device) -> int:
    """Bytes that can still be allocated on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(0, int(free) - _RESERVE)
    free = int(psutil.virtual_memory().available)
    limited = _left_in_container(_CGROUP)
    return max(0, (free if limited is None else min(free, limited)) - _RESERVE)


def _left_in_container(folder: Path) -> int | None:
    """What a container's limit leaves; None where there is no limit.

    Source: the memory controller of control groups v2,
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files.
    """
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        counted = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # Cached files count as used, and are given up when memory is short.
    return None if limit == "max" else int(limit) - used + int(counted.get("inactive_file", 0))


def gigabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
