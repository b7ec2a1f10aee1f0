"""The same walls when the host process is an ordinary user: the suite runs itself again as one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import llama3_tools

_UID = "54321"
_MODULES = [
    "test_abuse",
    "test_isolation",
    "test_limits",
    "test_lifecycle",
    "test_files",
    "test_lower_level",
]
_CHOICE = "test_abuse or test_lower_level or memory_of_many or are_limited or close_leaves or restart or upload_read"


@pytest.fixture
def stage() -> Iterator[Path]:
    """A folder that everybody can read, in which the interpreter will appear."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-test-"))
    folder.chmod(0o755)
    for name in ("python", "packages", "tools", "tests", "home"):
        (folder / name).mkdir(mode=0o755)
    os.chown(folder / "home", int(_UID), int(_UID))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="the whole suite runs as an ordinary user already")
def test_as_an_ordinary_user(stage: Path) -> None:
    """Its interpreter may be private to root, so it is mounted where the user can read it."""
    mounts = {
        "python": sys.base_prefix,
        "packages": str(Path(pytest.__file__).parents[1]),
        "tools": str(Path(llama3_tools.__file__).parents[1]),
        "tests": str(Path(__file__).parent),
    }
    lines = [f"mount --bind '{place}' '{stage / name}'" for name, place in mounts.items()]
    interpreter = f"{stage}/python/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    environment = [
        f"PYTHONPATH={stage}/tools:{stage}/packages",
        f"LD_LIBRARY_PATH={stage}/python/lib",
        f"HOME={stage}/home",
        f"TMPDIR={stage}/home",
        f"PATH={os.environ['PATH']}",
    ]
    pytest_run = [interpreter, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    pytest_run += ["--import-mode=importlib", "--rootdir", str(stage), "-k", _CHOICE]
    pytest_run += [f"{stage}/tests/{module}.py" for module in _MODULES]
    drop = [
        "setpriv",
        f"--reuid={_UID}",
        f"--regid={_UID}",
        "--clear-groups",
        "env",
        "-i",
        *environment,
        *pytest_run,
    ]
    script = "set -e\n" + "\n".join(lines) + "\nexec " + " ".join(f"'{word}'" for word in drop)
    run = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, cwd=stage, timeout=580
    )
    assert run.returncode == 0, run.stdout[-6_000:] + run.stderr[-2_000:]
    assert " passed" in run.stdout
