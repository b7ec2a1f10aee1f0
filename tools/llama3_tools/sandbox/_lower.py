"""The lower level, for hosts without namespaces: the worker gives up its rights by Landlock and a filter.

A folder on the host's disk is what it can write to; the host's own paths are what it reads. What this level
does not hold is listed in `docs/sandbox.md`.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ._mounts import SETTINGS, WORKER, Interpreter
from ._plan import Plan

_SYSTEM = (
    "/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64", "/usr/bin", "/bin",
    "/usr/share/fonts", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/proc/cpuinfo", "/proc/meminfo",
)  # fmt: skip
_CHANGED = ("work", "tmp", "settings")
OLDEST_LANDLOCK = 6
"""The first version that keeps signals and abstract sockets inside (Linux 6.12)."""

_PATH = "/usr/bin:/bin"
_TOO_MANY = 1 << 60
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def make_folder(plan: Plan) -> Path:
    """A new folder with all that is the worker's own: its sources, links to packages, places to write."""
    folder = Path(tempfile.mkdtemp(prefix="llama3-sandbox-"))
    try:
        _fill(folder, plan)
    except BaseException:
        remove_folder(folder)
        raise
    return folder


def _fill(folder: Path, plan: Plan) -> None:
    folder.chmod(0o711)
    for name in _CHANGED:
        (folder / name).mkdir(mode=0o700)
    for name in ("packages", "sandbox"):
        (folder / name).mkdir(mode=0o755)
    for name, place in plan.packages.items():
        (folder / "packages" / name).symlink_to(place)
    for data in plan.data:
        for prefix, name in ((WORKER, "sandbox"), (SETTINGS, "settings")):
            if data.path.startswith(f"{prefix}/"):
                target = folder / name / data.path.removeprefix(f"{prefix}/")
                target.write_bytes(data.content)
                target.chmod(0o644)
    if plan.identity.drop:
        own = [place for name in _CHANGED for place in (folder / name, *(folder / name).iterdir())]
        for place in own:
            os.chown(place, plan.identity.uid, plan.identity.uid)


def remove_folder(folder: Path) -> None:
    """Remove it with whatever the code left in it: no depth, name or permission stands in the way."""
    for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        subprocess.run([*command, "--", folder], check=False, stderr=subprocess.DEVNULL, env={"PATH": _PATH})


def environment(plan: Plan, folder: Path) -> dict[str, str]:
    """As at the higher level, with the folder's places."""
    places = {"HOME": "work", "MPLCONFIGDIR": "settings", "TMPDIR": "tmp"}
    variables = {**plan.environment(), **{name: str(folder / place) for name, place in places.items()}}
    if plan.interpreter.library_path:
        variables["LD_LIBRARY_PATH"] = str(Path(plan.interpreter.outside).parents[1] / "lib")
    return variables


def settings(plan: Plan, folder: Path, filter_program: bytes, info: int) -> dict[str, Any]:
    """What the supervisor and the worker are told beside what every worker is."""
    return {
        "info": info,
        "parent": os.getpid(),
        "folder": str(folder),
        "packages": str(folder / "packages"),
        "boot": str(folder),
        "confine": {
            "landlock": OLDEST_LANDLOCK,
            "filter": b64encode(filter_program).decode(),
            "looked_at": [*_SYSTEM, *_of(plan.interpreter), *_packages(plan, folder)],
            "changed": [str(folder / name) for name in _CHANGED],
            "devices": list(_DEVICES),
        },
    }


def occupied(folder: int, most_entries: int = 20_000) -> int:
    """Bytes of disk that the files below an open folder take; more than any disk has if they are too many."""
    total = 0
    try:
        for _, _, names, fd in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
            most_entries -= len(names) + 1
            if most_entries < 0:
                return _TOO_MANY
            total += sum(_blocks(name, fd) for name in names)
    except RecursionError:  # folders in folders in folders
        return _TOO_MANY
    return total


def _blocks(name: str, fd: int) -> int:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False).st_blocks * 512
    except OSError:
        return 0


def _of(python: Interpreter) -> Iterator[str]:
    yield from (outside for outside, _ in python.binds)


def _packages(plan: Plan, folder: Path) -> Iterator[str]:
    yield from (str(folder / name) for name in ("packages", "sandbox"))
    yield from map(str, plan.packages.values())
