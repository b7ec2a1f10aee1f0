"""Sandboxes that are ready before they are needed."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llama3_tools.sandbox import LocalSandbox, Sandbox, SandboxClosed, SandboxPool, SandboxUnavailable

make = functools.partial(LocalSandbox, packages=(), memory_mb=200)


def _eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_one_that_waits_is_given_at_once_and_replaced() -> None:
    with SandboxPool(make, ready=1) as pool:
        assert _eventually(lambda: pool.ready == 1)
        began = time.perf_counter()
        with pool.take() as box:
            assert time.perf_counter() - began < 0.05
            assert box.run_code("6 * 7").text == "42"
        assert _eventually(lambda: pool.ready == 1)


def test_each_taker_gets_its_own() -> None:
    texts: list[str | None] = []

    def use(pool: SandboxPool, number: int) -> None:
        with pool.take() as box:
            box.run_code(f"x = {number}")
            texts.append(box.run_code("x").text)

    with SandboxPool(make, ready=2) as pool:
        threads = [threading.Thread(target=use, args=(pool, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(text or "" for text in texts) == ["0", "1", "2", "3"]


def test_close_ends_those_that_nobody_took() -> None:
    threads, fds = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    with SandboxPool(make, ready=2) as pool:
        taken = pool.take()
        assert _eventually(lambda: pool.ready == 2)
    assert taken.run_code("1").text == "1"
    taken.close()
    assert (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == (threads, fds)
    with pytest.raises(SandboxClosed):
        pool.take()


def test_what_cannot_be_made_is_told_to_the_taker() -> None:
    def fail() -> Sandbox:
        raise SandboxUnavailable("no namespaces here")

    with SandboxPool(fail) as pool, pytest.raises(SandboxUnavailable, match="no namespaces here"):
        pool.take()


def test_it_must_keep_something_ready() -> None:
    with pytest.raises(ValueError, match="ready"):
        SandboxPool(ready=0)
