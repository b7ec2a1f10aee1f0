"""What the sandbox sees of the host: the interpreter, its libraries, the chosen packages, and nothing else.

Everything is bound under neutral paths, so that an interpreter in somebody's home or in a private `/root`
needs no readable parent folders, and its place on the host is not told.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ._errors import SandboxUnavailable

PYTHON = "/opt/python"
PACKAGES = "/opt/packages"
WORKER = "/opt/sandbox"
SETTINGS = "/opt/settings"
WORK = "/sandbox"

_SYSTEM = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/bin", "/usr/share/fonts", "/usr/share/zoneinfo")
_MERGED = ("/lib", "/lib32", "/lib64", "/bin")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that runs inside."""

    command: str
    """Its path inside."""
    outside: str
    """Its path on the host."""
    binds: tuple[tuple[str, str], ...]
    """Pairs of host path and inside path, bound read-only."""
    hidden: tuple[str, ...]
    """Folders inside that are covered with an empty one: packages that were not chosen."""
    library_path: str | None
    """Where the dynamic loader finds `libpython`, when it is shared."""


def interpreter() -> Interpreter:
    """The interpreter that this process runs on, without its virtual environment.

    Raises
    ------
    SandboxUnavailable
        If its files cannot be found where Python says they are.
    """
    base = Path(sys.base_prefix).resolve()
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (base / "bin" / name).exists():
        raise SandboxUnavailable(
            f"no interpreter at {str(base / 'bin' / name)!r}, where Python says it lives"
        )
    if base == Path("/usr"):
        return Interpreter(f"/usr/bin/{name}", f"/usr/bin/{name}", (), (), None)
    folders = [folder for folder in ("lib", "lib64") if (base / folder).is_dir()]
    binds = [(str(base / "bin" / name), f"{PYTHON}/bin/{name}")]
    binds += [
        (str(base / folder), f"{PYTHON}/{folder}") for folder in folders if not (base / folder).is_symlink()
    ]
    hidden = [
        f"{PYTHON}/{folder}/{name}/site-packages"
        for folder in folders
        if (base / folder / name / "site-packages").is_dir() and not (base / folder).is_symlink()
    ]
    shared = bool(sysconfig.get_config_var("Py_ENABLE_SHARED"))
    library_path = f"{PYTHON}/lib" if shared else None
    return Interpreter(f"{PYTHON}/bin/{name}", binds[0][0], tuple(binds), tuple(hidden), library_path)


def system() -> Iterator[tuple[str, ...]]:
    """bubblewrap options for the system's libraries and programs, on merged and on split `/usr`."""
    for folder in _SYSTEM:
        if Path(folder).is_dir() and not Path(folder).is_symlink():
            yield "--ro-bind", folder, folder
        elif Path(folder).is_symlink():
            yield "--symlink", str(Path(folder).readlink()), folder
    for folder in _MERGED:
        if Path(folder).is_symlink():
            yield "--symlink", str(Path(folder).readlink()), folder
        elif Path(folder).is_dir():
            yield "--ro-bind", folder, folder
    if Path("/etc/ld.so.cache").exists():
        yield "--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"
