"""What a cell shows, keeps and reports."""

from __future__ import annotations

import base64

import pytest

from llama3_tools.sandbox import LocalSandbox, Sandbox


def test_is_a_sandbox(box: LocalSandbox) -> None:
    assert isinstance(box, Sandbox)


def test_variables_are_kept(box: LocalSandbox) -> None:
    assert box.run_code("x = 20").results == []
    assert box.run_code("x + 1").text == "21"


def test_the_last_expression_is_shown_beside_what_was_printed(box: LocalSandbox) -> None:
    execution = box.run_code("print('a')\n'b'")
    assert (execution.stdout, execution.text, execution.error) == ("a\n", "'b'", None)
    assert execution.results[0].is_main_result


@pytest.mark.parametrize("code", ["1;", "None", "y = 1", "", "# nothing", "def f(): pass"])
def test_nothing_to_show(box: LocalSandbox, code: str) -> None:
    assert box.run_code(code).results == []


def test_execution_count_goes_up(box: LocalSandbox) -> None:
    assert box.run_code("1").execution_count + 1 == box.run_code("1").execution_count


def test_streams_are_apart_and_called_back(box: LocalSandbox) -> None:
    heard: list[str] = []
    code = (
        "import sys, subprocess\nprint('o')\nprint('e', file=sys.stderr)\nsubprocess.run(['echo', 'child'])"
    )
    execution = box.run_code(code + ";", on_stdout=heard.append)
    assert execution.stdout == "".join(heard) == "o\nchild\n"
    assert execution.stderr == "e\n"


def test_standard_input_is_closed(box: LocalSandbox) -> None:
    error = box.run_code("input()").error
    assert error is not None
    assert error.name == "EOFError"


def test_terminal_escapes_are_removed(box: LocalSandbox) -> None:
    code = r"print('\x1b[31mred\x1b[0m \x1b]0;title\x07\x00ok\rx')" + "\n'\\x1b[2J'"
    assert box.run_code(code).stdout == "red ok\nx\n"


def test_bytes_that_are_no_text(box: LocalSandbox) -> None:
    assert "\ufffd" in box.run_code("import os; os.write(1, b'\\xff\\xfe'); None").stdout


def test_traceback_names_the_cell(fresh: LocalSandbox) -> None:
    fresh.run_code("df = {}\ndef get(key):\n    return df[key]")
    error = fresh.run_code("1\ndf['prise'].mean()").error
    assert error is not None
    assert (error.name, error.value) == ("KeyError", "'prise'")
    assert error.traceback == (
        "Traceback (most recent call last):\n  Cell 2, line 2\n    df['prise'].mean()\nKeyError: 'prise'"
    )
    called = fresh.run_code("get('x')").error
    assert called is not None
    assert called.traceback.splitlines()[1:5] == [
        "  Cell 3, line 1",
        "    get('x')",
        "  Cell 1, line 3, in get",
        "    return df[key]",
    ]


def test_library_frames_are_left_out(box: LocalSandbox) -> None:
    error = box.run_code("import json\njson.loads('{')").error
    assert error is not None
    assert error.traceback.count("line") - error.value.count("line") == 1
    assert "/opt" not in error.traceback


def test_syntax_errors(box: LocalSandbox) -> None:
    error = box.run_code("x = 1\nprint(").error
    assert error is not None
    assert error.name == "SyntaxError"
    assert error.traceback.splitlines()[2:] == ["    print(", "SyntaxError: '(' was never closed"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("raise SystemExit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError"),
        ("class E(Exception):\n  def __str__(self): 1/0\nraise E", "E"),
        ("class R:\n  def __repr__(self): 1/0\nR()", "ZeroDivisionError"),
        ("'\x00'", "SyntaxError"),
        ("'\ud800'", "UnicodeEncodeError"),
        ("(" * 5000 + ")" * 5000, "SyntaxError"),
    ],
)
def test_errors_leave_the_session_alive(box: LocalSandbox, code: str, name: str) -> None:
    box.run_code("kept = 1")
    execution = box.run_code(code)
    assert execution.error is not None
    assert execution.error.name in (name, "ValueError", "MemoryError")
    assert not execution.state_lost
    assert len(execution.error.traceback) < 3_000
    assert box.run_code("kept").text == "1"


def test_frames_and_series_as_text_and_html(box: LocalSandbox) -> None:
    box.run_code("import pandas as pd\ndf = pd.DataFrame({'price': [1, 2]})")
    for code in ("df", "df.price"):
        (result,) = box.run_code(code).results
        assert result.formats() == ("text", "html", "data")
        assert "price" in (result.text or "")
        assert "<table" in (result.html or "")


def test_display_shows_before_the_main_result(box: LocalSandbox) -> None:
    first, main = box.run_code("display('a')\n'b'").results
    assert (first.text, first.is_main_result, main.text) == ("'a'", False, "'b'")


def test_figures_are_captured_and_closed(box: LocalSandbox) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.figure()\nplt.title('é')\nplt.show()"
    execution = box.run_code(code, timeout=90)
    assert execution.error is None
    assert execution.stderr == ""
    pictures = [base64.b64decode(result.png) for result in execution.results if result.png]
    assert len(pictures) == 2
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 2_000 for picture in pictures)
    assert box.run_code("plt.get_fignums()").text == "[]"


def test_each_show_takes_the_figures_open_at_that_moment(box: LocalSandbox) -> None:
    code = """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.show()
plt.bar([1, 2], [3, 4]); plt.show(block=False)
plt.show()
display("between")
plt.figure()
"""
    execution = box.run_code(code, timeout=90)
    assert (execution.error, execution.stderr) == (None, "")
    forms = [result.formats() for result in execution.results]
    assert forms == [("text", "png"), ("text", "png"), ("text",), ("text", "png")]
    assert len({result.png for result in execution.results}) == 4


def test_a_figure_as_last_expression_is_shown_once(box: LocalSandbox) -> None:
    code = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nfig"
    assert [result.formats() for result in box.run_code(code, timeout=90).results] == [("text", "png")]


def test_the_font_list_is_there_already(box: LocalSandbox) -> None:
    code = "import matplotlib, pathlib\nlen(list(pathlib.Path(matplotlib.get_cachedir()).glob('fontlist*')))"
    assert box.run_code(code, timeout=90).text == "1"


def test_functions_of_a_cell_can_be_pickled_and_run_in_a_pool(box: LocalSandbox) -> None:
    code = """
import multiprocessing as mp
def square(x): return x * x
with mp.get_context("fork").Pool(2) as pool:
    squares = pool.map(square, [1, 2, 3])
squares
"""
    execution = box.run_code(code, timeout=60)
    assert execution.text == "[1, 4, 9]", execution


def test_a_forked_child_does_not_answer(box: LocalSandbox) -> None:
    box.run_code("import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)")
    assert box.run_code("pid > 0").text == "True"


def test_figures_as_svg() -> None:
    with LocalSandbox(figures=["svg"], packages=["matplotlib"]) as box:
        code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
        (result,) = box.run_code(code, timeout=90).results
        assert result.formats() == ("text", "svg")
        assert (result.svg or "").startswith("<svg")
        assert "<path" in (result.svg or "")
    with pytest.raises(ValueError, match="gif"):
        LocalSandbox(figures=["gif"])  # type: ignore[list-item]


def test_forms_by_mime_type(box: LocalSandbox) -> None:
    code = "display({'text/html': '<b>x</b>', 'application/x-own': {'a': [1]}}, raw=True)"
    (result,) = box.run_code(code).results
    assert (result.html, result.extra) == ("<b>x</b>", {"application/x-own": {"a": [1]}})


def test_a_session_without_memory_can_be_freed() -> None:
    with LocalSandbox(memory_mb=200, packages=()) as box:
        error = box.run_code("x = []\nwhile True: x.append(bytearray(2**20))").error
        assert error is not None
        assert error.name == "MemoryError"
        assert box.run_code("del x; 6 * 7").text == "42"
        assert box.run_code("len(bytearray(50 * 2**20))").text == str(50 * 2**20)


def test_pages_that_processes_share_count_once() -> None:
    code = """
import os, time
shared = bytearray(b"x") * (90 * 2**20)
pids = []
for _ in range(3):
    pids.append(os.fork())
    if pids[-1] == 0:
        time.sleep(1.5); os._exit(0)
[os.waitpid(pid, 0)[1] for pid in pids]
"""
    with LocalSandbox(memory_mb=200, packages=()) as box:
        assert box.run_code(code).text == "[0, 0, 0]"
