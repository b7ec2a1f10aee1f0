"""Guards side by side: who does not answer, or answers nonsense, has said no."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from llama3_agent.guards import Assessment, Post, Subject
from llama3_agent.guards._panel import Item, Panel
from llama3_agent.guards._verdict import GuardVerdict

SAFE = Assessment("safe", flagged=False, score=0.1)
ITEM = Item(Subject("input", "hello"))


class Made:
    """A guard that does what a function says."""

    name = "made"
    places = frozenset({"input"})

    def __init__(self, do: Callable[[Subject, Any], Any]) -> None:
        self._do = do

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Any:
        return self._do(subject, cancel)


def raising(*_: Any) -> Assessment:
    raise RuntimeError("out of order")


@pytest.mark.parametrize(
    ("do", "detail"),
    [
        (raising, "RuntimeError: out of order"),
        (lambda *_: sys.exit(3), "SystemExit: 3"),
        (lambda *_: None, "returned None"),
        (lambda *_: "safe", "returned 'safe'"),
        (lambda *_: Assessment("safe", flagged=0), "no assessment"),  # type: ignore[arg-type]
        (lambda *_: Assessment("safe", flagged=False, score=float("nan")), "a score of nan"),
        (lambda *_: Assessment("safe", flagged=False, score=7.0), "a score of 7.0"),
        (lambda *_: Assessment("error", flagged=False), "could not answer"),
    ],
)
def test_nonsense_is_a_no(do: Callable[..., Any], detail: str) -> None:
    (verdict,) = Panel([Post(Made(do), policy="warn")], timeout=5).begin([ITEM]).verdicts()
    assert (verdict.action, verdict.label) == ("block", "error")
    assert detail in verdict.detail


def test_a_guard_that_hangs_is_a_no_in_time_and_is_told() -> None:
    told = threading.Event()

    def hang(_: Subject, cancel: threading.Event) -> Assessment:
        cancel.wait()
        told.set()
        return SAFE

    began = time.monotonic()
    (verdict,) = Panel([Post(Made(hang), timeout=0.2)], timeout=60).begin([ITEM]).verdicts()
    assert time.monotonic() - began < 5
    assert (verdict.action, verdict.label) == ("block", "error")
    assert "no answer within 0.2 seconds" in verdict.detail
    assert told.wait(5)


def test_guards_look_at_the_same_time() -> None:
    meeting = threading.Barrier(4)

    def meet(*_: Any) -> Assessment:
        meeting.wait(10)
        return SAFE

    panel = Panel([Post(Made(meet)), Post(Made(meet))], timeout=20)
    verdicts = panel.begin([ITEM, Item(Subject("input", "there"), "call-1")]).verdicts()
    assert [(one.action, one.call_id) for one in verdicts] == [("pass", None)] * 2 + [("pass", "call-1")] * 2


def test_nobody_waits_for_a_run_that_was_stopped() -> None:
    stop = threading.Event()
    panel = Panel([Post(Made(lambda _, cancel: cancel.wait(30) and SAFE))], timeout=30)
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    (verdict,) = panel.begin([ITEM]).verdicts(stop)
    assert time.monotonic() - began < 5
    assert (verdict.action, verdict.detail) == ("block", "the check was stopped")


def test_a_guard_stands_where_it_is_posted() -> None:
    panel = Panel(
        [Post(Made(lambda *_: SAFE), at=("tool", "output")), Post(str.strip, at="input")], timeout=1
    )
    assert panel.active == ("strip at input", "made at tool", "made at output")
    assert panel.stands_at("tool")
    assert not panel.stands_at("call")
    assert panel.begin([Item(Subject("call", "x"))]).verdicts() == []


def test_a_function_gives_its_reason() -> None:
    panel = Panel([Post(lambda text: "no bombs" if "bomb" in text else None)], timeout=1)
    passed, refused = panel.begin([ITEM, Item(Subject("output", "a bomb"))]).verdicts()
    assert (passed.action, refused.action, refused.reason) == ("pass", "block", "no bombs")


def test_a_verdict_survives_a_checkpoint() -> None:
    verdict = GuardVerdict("g", "tool", "ask", "unsafe", 0.7, 0.5, ("S1",), (3, 9), "x", 0.1, "c", None)
    state = {**verdict.to_state(), "categories": ["S1"], "span": [3, 9]}  # as JSON gives them back
    assert GuardVerdict.from_state(state) == verdict
