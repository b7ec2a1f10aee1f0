"""The level without namespaces: what it holds, and that it must be asked for."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llama3_tools.sandbox import LocalSandbox, SandboxUnavailable


def _private(place: Path) -> bool:
    """Whether others cannot get there; as root, the worker is somebody else."""
    return os.geteuid() == 0 and any(not folder.stat().st_mode & 1 for folder in (place, *place.parents))


pytestmark = pytest.mark.skipif(
    any(_private(Path(place).resolve()) for place in (sys.base_prefix, sys.prefix)),
    reason="the interpreter is private to root; test_plain_user runs these tests as somebody else",
)


@contextmanager
def alone() -> Iterator[None]:
    """Wait for other tests that look at what there is of the ordinary user: its processes, its limits."""
    with (Path(tempfile.gettempdir()) / f"llama3-tests-{os.geteuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True, scope="module")
def _alone() -> Iterator[None]:
    with alone():
        yield


@pytest.fixture(scope="module")
def below() -> Iterator[LocalSandbox]:
    with LocalSandbox(level="landlock", memory_mb=400, disk_mb=16, processes=32) as box:
        yield box


def test_it_says_that_it_is_weaker(below: LocalSandbox) -> None:
    assert below.isolation.level == "landlock"
    assert "WEAKER" in below.isolation.detail


def test_it_computes_and_draws(below: LocalSandbox) -> None:
    code = "import pandas as pd\npd.DataFrame({'a': [1, 2]}).a.sum()"
    assert below.run_code(code, timeout=120).text == "np.int64(3)"
    drawn = below.run_code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", timeout=120)
    assert [result.formats() for result in drawn.results] == [("text", "png")]


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd')",
        "open('/proc/1/environ')",
        "os.listdir('/proc')",
        "os.listdir('/')",
        "os.listdir('/root')",
        "open('/tmp/llama3-escape', 'w')",
        "open(os.__file__, 'a')",
        "os.rename(os.__file__, 'x')",
        "os.link(os.__file__, 'y')",
        "os.chown(os.__file__, 1, 1)",
        "os.setxattr('/tmp', 'user.x', b'')",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.create_connection(('127.0.0.1', 80), 1)",
        "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
        "os.kill(os.getppid(), 9)",
        "os.kill({host}, 0)",
        "resource.prlimit({host}, resource.RLIMIT_CPU, (1, 1))",
        "os.sched_setaffinity({host}, [0])",
        "os.setpriority(os.PRIO_PROCESS, {host}, 19)",
        "os.memfd_create('x')",
        "os.mkfifo('/tmp/llama3-escape')",
        "os.execv('./x', ['x'])",
    ],
)
def test_it_holds(below: LocalSandbox, code: str) -> None:
    setting = "import os, resource, socket\nopen('x', 'w').write('#!/bin/sh')\nos.chmod('x', 0o755)\n"
    error = below.run_code(setting + code.replace("{host}", str(os.getpid()))).error
    assert error is not None, code
    assert error.name in ("PermissionError", "OSError", "ProcessLookupError"), error
    assert not Path("/tmp/llama3-escape").exists()


def test_modes_and_times_of_files_elsewhere_stay(below: LocalSandbox, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("x")
    before = (tmp_path / "own").stat()
    below.run_code(
        f"import os\nos.chmod({str(tmp_path / 'own')!r}, 0)\nos.utime({str(tmp_path / 'own')!r}, (1, 1))"
    )
    after = (tmp_path / "own").stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_files_come_in_and_out(below: LocalSandbox) -> None:
    below.upload(b"a,b\n1,2\n", "t.csv")
    assert below.run_code("open('t.csv').read()").text == repr("a,b\n1,2\n")
    assert below.run_code("open('out.txt', 'w').write('x')").files == ("out.txt",)
    assert below.download("out.txt") == b"x"


def test_a_full_disk_ends_the_session() -> None:
    code = (
        "import time\nfor n in range(40):\n  open(f'f{n}', 'wb').write(b'x' * 2**20)\n  time.sleep(.02)\n"
        "time.sleep(30)"
    )
    with LocalSandbox(level="landlock", disk_mb=8, packages=()) as box:
        execution = box.run_code(code)
        assert execution.error is not None
        assert execution.error.name == "OSError"
        assert box.run_code("1").text == "1"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that others can reach, unlike pytest's own; as root, the worker is somebody else."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_daemons_end_with_it_and_nothing_stays(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(public))
    threads, fds = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    with LocalSandbox(level="landlock", packages=()) as box:
        code = (
            "import os, subprocess\nsubprocess.Popen(['sleep', '611'], start_new_session=True)\n"
            "if os.fork() == 0:\n  os.setsid()\n"
            "  if os.fork() == 0: os.execv('/usr/bin/sleep', ['sleep', '612'])\n  os._exit(0)\n"
            "for _ in range(300): os.mkdir('d'); os.chdir('d')"
        )
        assert box.run_code(code).error is None
        assert _sleepers()
    assert not _sleepers()
    assert list(public.iterdir()) == []
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == (threads, fds)


def test_the_parent_killed_takes_everything_with_it(public: Path) -> None:
    script = (
        "from llama3_tools.sandbox import LocalSandbox\n"
        "box = LocalSandbox(level='landlock', packages=())\n"
        "box.run_code(\"import subprocess; subprocess.Popen(['sleep', '613'], start_new_session=True)\")\n"
        "print('ready', flush=True); box.run_code('while True: pass', timeout=60)\n"
    )
    environment = {**os.environ, "TMPDIR": str(public)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert _sleepers()
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 10
        while (_sleepers() or list(public.iterdir())) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert (_sleepers(), list(public.iterdir())) == ([], [])


def test_an_old_kernel_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama3_tools.sandbox._lower.OLDEST_LANDLOCK", 99)
    with pytest.raises(SandboxUnavailable, match="Landlock 99 or newer is needed"):
        LocalSandbox(level="landlock", packages=())


def test_there_is_no_other_level() -> None:
    with pytest.raises(ValueError, match="no level 'none'"):
        LocalSandbox(level="none")  # type: ignore[arg-type]


def _sleepers() -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 1 and words[0].endswith(b"sleep") and words[1] in (b"611", b"612", b"613"):
            found.append(place.parent.name)
    return found
