"""What only the remote sandbox has: keys, reconnecting, a service that fails. `test_both` has the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llama3_tools.sandbox import E2BSandbox, SandboxClosed, SandboxError, SandboxUnavailable

from ...e2b_code_server import port_taken, running

_KEY = "e2b_" + "0" * 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with port_taken(tmp_path_factory.getbasetemp().parent / "e2b.lock"), running():
        yield


@pytest.fixture(scope="module")
def remote(server: None) -> Iterator[E2BSandbox]:  # noqa: ARG001 - it has to run
    with E2BSandbox(debug=True) as box:
        yield box


def test_where_it_runs(remote: E2BSandbox) -> None:
    assert remote.isolation.level == "e2b"


def test_another_object_takes_up_the_session(remote: E2BSandbox) -> None:
    remote.run_code("x = 20\nopen('f.txt', 'w').write('1')")
    other = E2BSandbox.connect(remote.reference, debug=True, api_key=_KEY)
    execution = other.run_code("x + 1")
    assert (execution.text, execution.files) == ("21", ())
    assert other.download("f.txt") == b"1"


def test_with_the_machines_id_alone_the_files_are_there(remote: E2BSandbox) -> None:
    remote.run_code("x = 20\nopen('f.txt', 'w').write('1')")
    other = E2BSandbox.connect(remote.reference.partition("/")[0], debug=True, api_key=_KEY)
    assert other.run_code("'x' in globals(), open('f.txt').read()").text == "(False, '1')"


@pytest.mark.parametrize("fault", ["502", "500", "429", "no type", "half a line"])
def test_a_service_that_fails_is_an_error_of_the_sandbox(remote: E2BSandbox, fault: str) -> None:
    with pytest.raises(SandboxError, match="E2B did not run the cell"):
        remote.run_code(f"# fault: {fault}")
    assert remote.run_code("6 * 7").text == "42"


def test_an_error_after_a_result(remote: E2BSandbox) -> None:
    execution = remote.run_code("# fault: late error")
    assert execution.error is not None
    assert (execution.text, execution.error.value) == ("1", "late")


@pytest.mark.parametrize("fault", ["unknown type", "unknown field"])
def test_what_the_future_brings_is_passed_over(remote: E2BSandbox, fault: str) -> None:
    assert remote.run_code(f"# fault: {fault}").text == "1"


def test_a_line_of_megabytes(remote: E2BSandbox) -> None:
    execution = remote.run_code("# fault: huge line")
    assert execution.error is not None
    assert (execution.error.name, len(execution.stdout)) == ("OutputLimit", 1_000_000)


def test_answers_are_checked(remote: E2BSandbox) -> None:
    (result,) = remote.run_code("# fault: hostile").results
    assert (result.text, result.html, result.png) == ("<x>", "<b>x</b>", None)


def test_a_service_that_says_nothing(remote: E2BSandbox) -> None:
    execution = remote.run_code("# fault: silence", timeout=1)
    assert (execution.timed_out, execution.state_lost) == (True, True)
    assert remote.run_code("6 * 7").text == "42"


def test_a_paused_machine_is_taken_up_again_with_its_variables(server: None) -> None:  # noqa: ARG001
    box = E2BSandbox(debug=True, api_key=_KEY)
    box.run_code("x = 5")
    reference = box.pause()
    with pytest.raises(SandboxClosed):
        box.run_code("x")
    with pytest.raises(SandboxError):
        E2BSandbox(debug=True, api_key=_KEY)
    with E2BSandbox.connect(reference, debug=True, api_key=_KEY) as again:
        assert again.run_code("x").text == "5"


def test_a_machine_that_is_no_more(server: None) -> None:  # noqa: ARG001
    with pytest.raises(SandboxUnavailable, match="E2B gave no machine"):
        E2BSandbox.connect("gone", debug=True, api_key=_KEY)
