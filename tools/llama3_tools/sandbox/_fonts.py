"""matplotlib's list of fonts, built once per installation inside a sandbox and given to each later one.

Without it the first plot of every session would look through all font files again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

BUILD = """
import pathlib, shutil, matplotlib, matplotlib.font_manager
for place in pathlib.Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
    shutil.copy(place, place.name)
"""
"""The cell that builds the list and leaves it in the working directory."""


def cache_folder() -> Path:
    """Where the list is kept on the host: below `$XDG_CACHE_HOME`, else `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "llama3-agent" / "sandbox"


def key(packages: Iterable[Path]) -> str:
    """Changes with the matplotlib installed and with the system's fonts."""
    parts = [str(place) for place in packages if place.name.startswith("matplotlib")]
    with contextlib.suppress(OSError):
        parts += [
            f"{place}:{place.stat().st_mtime_ns}" for place in sorted(Path("/usr/share/fonts").glob("**/"))
        ]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:16]


def load(wanted: str) -> dict[str, bytes]:
    """The list by file name, or nothing when it was not built for this key."""
    with contextlib.suppress(OSError):
        return {place.name: place.read_bytes() for place in (cache_folder() / wanted).glob("fontlist-*.json")}
    return {}


def store(wanted: str, files: dict[str, bytes]) -> None:
    """Keep the list; a cache that cannot be written costs time, nothing else."""
    with contextlib.suppress(OSError):
        folder = cache_folder() / wanted
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, content in files.items():
            unfinished = folder / f".{name}.{os.getpid()}"
            unfinished.write_bytes(content)
            unfinished.replace(folder / name)
