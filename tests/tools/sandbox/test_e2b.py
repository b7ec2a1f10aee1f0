"""The real SDK in its debug mode, against a stand-in for the code server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from llama3_tools.sandbox import E2BSandbox, Sandbox, SandboxClosed, SandboxError, SandboxUnavailable


@pytest.fixture
def remote(e2b_code_server: None) -> Iterator[E2BSandbox]:  # noqa: ARG001 - it has to run
    with E2BSandbox(debug=True) as box:
        yield box


def test_same_interface(remote: E2BSandbox) -> None:
    assert isinstance(remote, Sandbox)
    assert remote.isolation.level == "e2b"


def test_state_output_and_result(remote: E2BSandbox) -> None:
    heard: list[str] = []
    execution = remote.run_code("x = 20\nprint('\\x1b[31mred')", on_stdout=heard.append)
    assert (execution.stdout, execution.error, heard) == ("red\n", None, ["red\n"])
    assert remote.run_code("=x + 1").text == "21"


def test_errors_look_like_the_local_ones(remote: E2BSandbox) -> None:
    error = remote.run_code("{}['prise']").error
    assert error is not None
    assert error.traceback == (
        "Traceback (most recent call last):\n  Cell 1, line 1\n    {}['prise']\nKeyError: 'prise'"
    )


def test_a_cell_that_takes_too_long(remote: E2BSandbox) -> None:
    began = time.monotonic()
    execution = remote.run_code("import time; time.sleep(60)", timeout=0.5)
    assert time.monotonic() - began < 30
    assert (execution.timed_out, execution.state_lost) == (True, True)
    assert remote.run_code("=1").text == "1"


def test_interrupt_ends_the_cell_at_once(remote: E2BSandbox) -> None:
    remote.interrupt()  # nothing runs
    threading.Timer(0.3, remote.interrupt).start()
    began = time.monotonic()
    execution = remote.run_code("import time; time.sleep(60)")
    assert time.monotonic() - began < 30
    assert execution.error is not None
    assert (execution.error.name, execution.timed_out, execution.state_lost) == (
        "KeyboardInterrupt",
        False,
        True,
    )
    assert remote.run_code("=1").text == "1"


def test_closed(remote: E2BSandbox) -> None:
    remote.close()
    with pytest.raises(SandboxClosed):
        remote.run_code("1")


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("E2B_API_KEY", raising=False)
    with pytest.raises(SandboxUnavailable, match="E2B_API_KEY"):
        E2BSandbox()


@pytest.mark.usefixtures("e2b_port")
def test_without_a_server() -> None:
    with pytest.raises(SandboxError, match="E2B"):
        E2BSandbox(debug=True)
