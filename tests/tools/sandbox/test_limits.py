"""Time, memory, processes, disk and output: each ends in a clear error, none in a dead sandbox."""

from __future__ import annotations

import time

import pytest

from llama3_tools.sandbox import Execution, LocalSandbox, SandboxError


def _error(execution: Execution) -> tuple[str, str]:
    assert execution.error is not None, execution
    return execution.error.name, execution.error.value


@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(60)"])
def test_a_timeout_interrupts_and_keeps_variables(fresh: LocalSandbox, code: str) -> None:
    fresh.run_code("kept = 1")
    began = time.monotonic()
    execution = fresh.run_code(code, timeout=0.5)
    assert time.monotonic() - began < 30
    assert (execution.timed_out, execution.state_lost) == (True, False)
    assert execution.error is not None
    assert execution.error.traceback.startswith("Traceback (most recent call last):\n  Cell 2, line ")
    assert execution.error.traceback.endswith("TimeoutError: " + execution.error.value)
    assert fresh.run_code("kept").text == "1"


@pytest.mark.parametrize(
    "code",
    [
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "import time\nwhile True:\n  try: time.sleep(60)\n  except KeyboardInterrupt: pass",
        "max(range(10**12))",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_what_cannot_be_interrupted_is_ended(fresh: LocalSandbox, code: str) -> None:
    fresh.upload(b"1", "kept.txt")
    fresh.run_code("lost = 1")
    execution = fresh.run_code(code, timeout=0.3)
    assert (execution.timed_out, execution.state_lost) == (True, True)
    assert "variables are gone, files are kept" in _error(execution)[1]
    again = fresh.run_code("open('kept.txt').read(), 'lost' in globals()")
    assert (again.text, again.state_lost) == ("('1', False)", False)


def test_one_large_allocation_is_a_memory_error(fresh: LocalSandbox) -> None:
    execution = fresh.run_code("x = bytearray(10**9)")
    assert _error(execution)[0] == "MemoryError"
    assert not execution.state_lost


def test_memory_of_many_processes_is_counted_together(fresh: LocalSandbox) -> None:
    code = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        hog = bytearray(os.urandom(1)) * (200 * 2**20)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
    began = time.monotonic()
    execution = fresh.run_code(code)
    assert time.monotonic() - began < 30
    assert execution.state_lost
    assert not execution.timed_out
    name, value = _error(execution)
    assert name == "MemoryError"
    assert "400 MB" in value
    assert fresh.run_code("1").text == "1"


def test_processes_are_limited(fresh: LocalSandbox) -> None:
    code = """
import os, time
count = 0
try:
    while count < 500:
        if os.fork() == 0:
            time.sleep(60); os._exit(0)
        count += 1
except BlockingIOError:
    pass
count
"""
    assert 10 < int(fresh.run_code(code).text or "0") <= 32


def test_threads_are_limited(fresh: LocalSandbox) -> None:
    code = """
import threading, time
for _ in range(500):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""
    assert _error(fresh.run_code(code))[0] == "RuntimeError"


@pytest.mark.parametrize("folder", [".", "/tmp", "/dev/shm", "/opt/settings"])
def test_a_full_disk_is_an_os_error(fresh: LocalSandbox, folder: str) -> None:
    code = f"""
for number in range(40):
    with open(f'{folder}/big{{number}}', 'wb') as target:
        for _ in range(16): target.write(bytes(2**20))
"""
    name, value = _error(fresh.run_code(code))
    assert name == "OSError"
    assert "No space left" in value
    assert fresh.run_code("1").text == "1"


@pytest.mark.parametrize(
    "code",
    ["while True: print('x' * 1000)", "print('x' * 50_000_000)", "import os\nos.system('yes')"],
)
def test_endless_output_is_cut(code: str) -> None:
    with LocalSandbox(output_bytes=100_000, packages=()) as box:
        began = time.monotonic()
        execution = box.run_code(code, timeout=60)
        assert time.monotonic() - began < 30
        assert _error(execution)[0] == "OutputLimit"
        assert 50_000 < len(execution.stdout) <= 100_000
        assert box.run_code("1").text == "1"


@pytest.mark.parametrize(
    "code", ["import os\nos._exit(3)", "import ctypes\nctypes.string_at(0)", "import os\nos.abort()"]
)
def test_a_crash_is_reported_and_survived(fresh: LocalSandbox, code: str) -> None:
    execution = fresh.run_code(code)
    assert execution.state_lost
    assert _error(execution)[0] == "SessionEnded"
    assert fresh.run_code("1").text == "1"


@pytest.mark.parametrize("name", ["NPROC", "AS", "NOFILE", "CORE"])
def test_limits_cannot_be_raised(fresh: LocalSandbox, name: str) -> None:
    code = f"""
import resource
low = resource.getrlimit(resource.RLIMIT_{name})[1]
resource.setrlimit(resource.RLIMIT_{name}, (low + 1, low + 1))
"""
    assert _error(fresh.run_code(code))[0] == "ValueError"


def test_limits_must_make_sense() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        LocalSandbox(memory_mb=0)


def test_too_much_code(fresh: LocalSandbox) -> None:
    with pytest.raises(SandboxError, match="characters of code"):
        fresh.run_code("#" * 1_000_001)
