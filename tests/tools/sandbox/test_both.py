"""One suite of behaviour for both sandboxes: what a program relies on is the same in either."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llama3_tools.sandbox import E2BSandbox, FileInfo, LocalSandbox, Sandbox, SandboxClosed, SandboxFileError

from ...e2b_code_server import port_taken, running


@pytest.fixture(scope="module", params=["local", "e2b"])
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    if request.param == "local":
        with LocalSandbox(output_bytes=200_000) as box:
            yield box
        return
    with (
        port_taken(tmp_path_factory.getbasetemp().parent / "e2b.lock"),
        running(),
        E2BSandbox(debug=True, output_bytes=200_000) as remote,
    ):
        yield remote


@pytest.fixture
def box(either: Sandbox) -> Sandbox:
    names = [file.name for file in either.list_files()]
    either.run_code(f"import os\nfor name in {names!r}: os.unlink(name)")
    return either


def test_it_is_a_sandbox(box: Sandbox) -> None:
    assert isinstance(box, Sandbox)


def test_variables_output_and_the_last_expression(box: Sandbox) -> None:
    heard: list[str] = []
    first = box.run_code(
        "x = 20\nprint('ä', x)\nimport sys; print('e', file=sys.stderr)", on_stdout=heard.append
    )
    assert (first.stdout, first.stderr, first.results, first.error) == ("ä 20\n", "e\n", [], None)
    assert "".join(heard) == first.stdout
    second = box.run_code("x + 1")
    assert (second.text, second.results[0].is_main_result) == ("21", True)
    assert second.execution_count == first.execution_count + 1


def test_output_comes_while_the_cell_runs(box: Sandbox) -> None:
    times: list[float] = []
    code = "import time\nprint('a', flush=True)\ntime.sleep(1)\nprint('b', flush=True)"
    box.run_code(code, on_stdout=lambda _: times.append(time.monotonic()))
    assert times[-1] - times[0] > 0.7


def test_errors_read_the_same(box: Sandbox) -> None:
    count = box.run_code("def get(d, key):\n    return d[key]").execution_count
    error = box.run_code("1\nget({}, 'prise')").error
    assert error is not None
    assert (error.name, error.value) == ("KeyError", "'prise'")
    assert error.traceback == (
        "Traceback (most recent call last):\n"
        f"  Cell {count + 1}, line 2\n    get({{}}, 'prise')\n"
        f"  Cell {count}, line 2, in get\n    return d[key]\n"
        "KeyError: 'prise'"
    )


def test_syntax_errors_read_the_same(box: Sandbox) -> None:
    error = box.run_code("x = 1\ny = = 2").error
    assert error is not None
    assert (error.name, error.value) == ("SyntaxError", "invalid syntax")
    assert error.traceback.splitlines()[2:] == ["    y = = 2", "SyntaxError: invalid syntax"]


def test_tables_come_as_text_html_and_data(box: Sandbox) -> None:
    code = (
        "import pandas as pd\npd.DataFrame({'price': [1, None], 'day': pd.to_datetime(['2024-01-01'] * 2)})"
    )
    (result,) = box.run_code(code, timeout=120).results
    assert {"text", "html", "data"} <= set(result.formats())
    assert "price" in (result.text or "")
    assert (result.html or "").count("<td>") == 4
    assert result.data == {"price": [1, None], "day": ["2024-01-01T00:00:00.000"] * 2}


def test_lists_and_dicts_come_as_json_too(box: Sandbox) -> None:
    (result,) = box.run_code("{'a': [1, None, 'x']}").results
    assert (result.text, result.json) == ("{'a': [1, None, 'x']}", {"a": [1, None, "x"]})


def test_figures_come_as_png(box: Sandbox) -> None:
    execution = box.run_code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", timeout=120)
    (result,) = [result for result in execution.results if result.png]
    assert base64.b64decode(result.png or "").startswith(b"\x89PNG")


def test_display_and_the_notebooks_names(box: Sandbox) -> None:
    code = (
        "from IPython.display import HTML, Markdown, display\n"
        "display(HTML('<b>x</b><script>1</script>'))\nMarkdown('*y*')"
    )
    first, second = box.run_code(code).results
    assert (first.html, first.is_main_result) == ("<b>x</b>", False)
    assert (second.markdown, second.is_main_result) == ("*y*", True)


def test_files_go_in_and_out(box: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "in put.csv").write_bytes(b"a\r\n\x00\xff")
    assert box.upload(tmp_path / "in put.csv") == "in put.csv"
    assert box.upload(b"", "empty.txt") == "empty.txt"
    execution = box.run_code(
        "data = open('in put.csv', 'rb').read()\nimport os\nos.makedirs('deep/er', exist_ok=True)\n"
        "open('deep/er/out.bin', 'wb').write(data * 2)\nopen('.hidden', 'w').close()\n"
        "os.symlink('/etc/passwd', 'link')"
    )
    assert execution.error is None
    assert execution.files == ("deep/er/out.bin",)
    files = [FileInfo("deep/er/out.bin", 10), FileInfo("empty.txt", 0), FileInfo("in put.csv", 5)]
    assert box.list_files() == files
    assert box.download("deep/er/out.bin") == b"a\r\n\x00\xff" * 2
    for name in ("none", "link", "../user/empty.txt", "/etc/passwd", "deep", ".hidden/x", "a\x00b"):
        with pytest.raises(SandboxFileError):
            box.download(name)
    assert box.run_code("open('empty.txt', 'a').write('x')").files == ("empty.txt",)
    assert box.run_code("1").files == ()
    box.run_code("os.unlink('link')")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b", "..", "", "a\x00b"])
def test_uploads_stay_in_the_working_directory(box: Sandbox, name: str) -> None:
    with pytest.raises(SandboxFileError):
        box.upload(b"", name)


def test_a_cell_that_takes_too_long(box: Sandbox) -> None:
    box.upload(b"1", "kept.txt")
    began = time.monotonic()
    execution = box.run_code("import time; print('begun', flush=True); time.sleep(100)", timeout=2)
    assert time.monotonic() - began < 60
    assert execution.timed_out
    assert execution.stdout == "begun\n"
    assert execution.error is not None
    assert execution.error.name == "TimeoutError"
    again = box.run_code("open('kept.txt').read()")
    assert (again.text, again.state_lost) == ("'1'", False)


def test_interrupt(box: Sandbox) -> None:
    box.interrupt()  # nothing runs
    threading.Timer(1.0, box.interrupt).start()
    began = time.monotonic()
    execution = box.run_code("import time; time.sleep(100)", timeout=90)
    assert time.monotonic() - began < 60
    assert execution.error is not None
    assert (execution.error.name, execution.timed_out) == ("KeyboardInterrupt", False)
    assert box.run_code("6 * 7").text == "42"


def test_too_much_output(box: Sandbox) -> None:
    execution = box.run_code("while True: print('x' * 1000)", timeout=60)
    assert execution.error is not None
    assert execution.error.name == "OutputLimit"
    assert 100_000 < len(execution.stdout) <= 200_000
    assert box.run_code("6 * 7").text == "42"


def test_a_crash_costs_the_variables_and_keeps_the_files(box: Sandbox) -> None:
    box.upload(b"1", "kept.txt")
    box.run_code("lost = 1")
    execution = box.run_code("import os; os._exit(3)", timeout=60)
    assert execution.error is not None
    assert (execution.error.name, execution.state_lost) == ("SessionEnded", True)
    assert box.run_code("open('kept.txt').read(), 'lost' in globals()", timeout=60).text == "('1', False)"


def test_restart(box: Sandbox) -> None:
    box.upload(b"1", "kept.txt")
    box.run_code("lost = 1")
    box.restart()
    assert box.run_code("open('kept.txt').read(), 'lost' in globals()").text == "('1', False)"


def test_a_failing_callback(box: Sandbox) -> None:
    def fail(text: str) -> None:
        raise ValueError(text.strip())

    with pytest.raises(ValueError, match="hello"):
        box.run_code("print('hello', flush=True)\nimport time; time.sleep(60)", on_stdout=fail)
    assert box.run_code("6 * 7").text == "42"


def test_there_is_no_standard_input(box: Sandbox) -> None:
    assert box.run_code("input()").error is not None


def test_escapes_are_taken_out(box: Sandbox) -> None:
    execution = box.run_code(r"print('\x1b[31mred\x1b[0m \x1b]0;title\x07ok')")
    assert execution.stdout == "red ok\n"
    error = box.run_code(r"raise ValueError('\x1b[2Jx')").error
    assert error is not None
    assert error.value == "x"


def test_a_timeout_must_be_positive(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="timeout"):
        box.run_code("1", timeout=0)


def test_closed(either: Sandbox) -> None:
    """The last one: it ends the sandbox that the others share."""
    either.close()
    either.close()
    for call in (
        lambda: either.run_code("1"),
        either.list_files,
        lambda: either.download("x"),
        either.restart,
    ):
        with pytest.raises(SandboxClosed):
            call()
