"""What a sandbox costs: its start, a call, the first table and plot; and what many sessions leave behind.

Medians, beside a Python process without any sandbox and a Jupyter kernel, started and called in turn with it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from llama3_tools.sandbox import LocalSandbox


def milliseconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


def median(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):8.1f} ms   (90 %: {ordered[int(len(ordered) * 0.9)]:.1f})"


def python_process() -> float:
    return milliseconds(lambda: subprocess.run([sys.executable, "-I", "-c", ""], check=True))


def sandbox(calls: int, **options: Any) -> tuple[float, list[float]]:
    began = time.perf_counter()
    with LocalSandbox(**options) as box:
        started = (time.perf_counter() - began) * 1e3
        return started, [milliseconds(partial(box.run_code, "1")) for _ in range(calls)]


def jupyter_kernel(calls: int) -> tuple[float, list[float]]:
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    began = time.perf_counter()
    manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    started = (time.perf_counter() - began) * 1e3
    call = partial(client.execute_interactive, "1", output_hook=lambda _: None)
    times = [milliseconds(call) for _ in range(calls)]
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return started, times


def latency(rounds: int, calls: int) -> None:
    names = ("sandbox", "without packages", "python", "kernel")
    starts: dict[str, list[float]] = {name: [] for name in names}
    warm: dict[str, list[float]] = {"sandbox": [], "kernel": []}
    for _ in range(rounds):
        starts["python"].append(python_process())
        starts["without packages"].append(sandbox(0, packages=())[0])
        started, times = sandbox(calls)
        starts["sandbox"].append(started)
        warm["sandbox"] += times
        started, times = jupyter_kernel(calls)
        starts["kernel"].append(started)
        warm["kernel"] += times
    print(f"start, proof included     {median(starts['sandbox'])}")
    print(f"start, without packages   {median(starts['without packages'])}")
    print(f"  beside: python -c ''    {median(starts['python'])}")
    print(f"  beside: a Jupyter kernel{median(starts['kernel'])}")
    print(f"a call                    {median(warm['sandbox'])}")
    print(f"  beside: a Jupyter kernel{median(warm['kernel'])}")
    ratio = statistics.median(warm["kernel"]) / statistics.median(warm["sandbox"])
    print(f"a Jupyter kernel's call takes {ratio:.1f} times as long")


def firsts() -> None:
    with LocalSandbox() as box:
        for name, code in (
            ("the first table", "import pandas as pd\npd.DataFrame({'a': [1]})"),
            ("the second", "pd.DataFrame({'a': [1]})"),
            ("the first plot", "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"),
            ("the second", "plt.plot([1, 2]); plt.show()"),
        ):
            print(f"{name:<26}{milliseconds(partial(box.run_code, code, timeout=120)):8.1f} ms")


def remains(sessions: int) -> None:
    """Start, use, restart and end sandboxes, each with a daemon in it, and count what is left."""
    before = _held()
    code = "import subprocess\nsubprocess.Popen(['sleep', '987'], start_new_session=True)"
    seconds = milliseconds(lambda: [_one(code, number) for number in range(sessions)]) / 1e3
    time.sleep(0.5)
    after = _held()
    print(f"{sessions} sessions in {seconds:.0f} s; held before and after:")
    for name, count in before.items():
        print(f"  {name:<12} {count} {after[name]}")
    if after != before:
        sys.exit("something was left behind")


def _one(code: str, number: int) -> None:
    box = LocalSandbox(packages=())
    box.run_code(code)
    if number % 10 == 0:
        box.restart()
    if number % 2:
        box.close()  # the others are collected


def _held() -> dict[str, int]:
    own = str(os.getpid())
    parents = [line.rpartition(b")")[2].split()[1].decode() for line in _read("stat")]
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "children": parents.count(own),
        "daemons": sum(b"sleep\x00987" in line for line in _read("cmdline")),
        "temporary": len(list(Path(os.environ.get("TMPDIR", "/tmp")).glob("llama3-sandbox-*"))),
    }


def _read(name: str) -> list[bytes]:
    found = []
    for place in Path("/proc").glob(f"[0-9]*/{name}"):
        with suppress(OSError):  # it has ended since it was listed
            found.append(place.read_bytes())
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--remains-only", action="store_true")
    options = parser.parse_args()
    if not options.remains_only:
        latency(options.rounds, options.calls)
        firsts()
    remains(options.sessions)
