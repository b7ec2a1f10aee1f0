"""Running a program as an ordinary user, when the tests themselves run as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_UID = "54321"


@contextmanager
def stage(folders: Mapping[str, Path | str]) -> Iterator[Path]:
    """A folder that everybody can read, with a `home`, and an empty folder for each to be mounted."""
    place = Path(tempfile.mkdtemp(prefix="sandbox-test-"))
    place.chmod(0o755)
    for name in ("python", "packages", "home", *folders):
        (place / name).mkdir(mode=0o755)
    os.chown(place / "home", int(_UID), int(_UID))
    try:
        yield place
    finally:
        shutil.rmtree(place)


def run_as_ordinary_user(
    arguments: Sequence[str], folders: Mapping[str, Path | str], *, sources: Sequence[str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments, `{stage}` in them standing for the folder.

    The interpreter may be private to root, so it is mounted where the user can read it.

    Parameters
    ----------
    folders
        What else to mount, by name.
    sources
        Which of these are to be imported from.
    """
    with stage(folders) as place:
        mounts = {"python": sys.base_prefix, "packages": _packages(), **folders}
        lines = [f"mount --bind '{outside}' '{place / name}'" for name, outside in mounts.items()]
        interpreter = f"{place}/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
        words = [word.replace("{stage}", str(place)) for word in arguments]
        paths = ":".join(str(place / name) for name in (*sources, "packages"))
        environment = [
            f"PYTHONPATH={paths}",
            f"LD_LIBRARY_PATH={place}/python/lib",
            f"HOME={place}/home",
            f"TMPDIR={place}/home",
            f"PATH={os.environ['PATH']}",
        ]
        drop = ["setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups", "env", "-i"]
        command = [*drop, *environment, interpreter, "-B", *words]
        script = "set -e\n" + "\n".join(lines) + "\nexec " + " ".join(f"'{word}'" for word in command)
        unshared = ["unshare", "--mount", "sh", "-c", script]
        return subprocess.run(unshared, capture_output=True, text=True, cwd=place, timeout=timeout)


def _packages() -> Path:
    return Path(pytest.__file__).parents[1]
