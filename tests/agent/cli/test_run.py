"""`llama3-agent run`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llama3_agent._run import FINISH_REASONS
from llama3_agent.cli._exits import EXIT_CODES

from ..conftest import code, say
from .conftest import Command

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()\nprint('drawn')"


def test_answer_on_stdout_and_the_rest_on_stderr(command: Command, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("41")
    result = command(
        "run",
        "Add one.",
        "--file",
        "n.txt",
        replies=(code("int(open('n.txt').read()) + 1"), say("It is 42.")),
    )
    assert result.exit_code == 0
    assert result.stdout == "It is 42.\n"
    assert "── code_interpreter ──\nint(open('n.txt').read()) + 1\n" in result.stderr
    assert re.search(r"^gate: passed \(\d+\.\d s\)$", result.stderr, re.MULTILINE)
    assert "[stdout]42[/stdout]" in result.stderr
    assert "\x1b" not in result.stderr


def test_plots_are_saved_and_told(command: Command, tmp_path: Path) -> None:
    result = command("run", "Plot.", "--out", "figures/today", replies=(code(PLOT), say("Here.")))
    assert "saved figures/today/plot-1.png" in result.stderr
    assert (tmp_path / "figures/today/plot-1.png").read_bytes().startswith(b"\x89PNG")
    assert command("run", "Plot.", replies=(code(PLOT), say("Here."))).exit_code == 0
    assert (tmp_path / "plot-1.png").exists()


def test_json(command: Command) -> None:
    result = command("run", "Plot.", "--json", replies=(code(PLOT), say("Here é.")))
    outcome = json.loads(result.stdout)
    assert outcome["output"] == "Here é."
    assert outcome["finish_reason"] == "answered"
    assert outcome["files"] == ["plot-1.png"]
    assert outcome["steps"] == 2
    assert outcome["usage"]["generated_tokens"] > 0


def test_blocked_code_is_shown_as_blocked(command: Command) -> None:
    result = command(
        "run", "Load.", replies=(code("import pickle\npickle.load(open('x'))"), say("I may not."))
    )
    assert "gate: BLOCKED, not run" in result.stderr
    assert "  line 2: " in result.stderr


@pytest.mark.parametrize(
    ("replies", "options", "reason"),
    [
        ([code(f"{n}") for n in range(3)], ["--max-steps", "2"], "max_steps"),
        ([code("1")] * 3, [], "repeated_call"),
        ([say("")], [], "format_errors"),
        (["cut off"], [], "truncated"),
    ],
)
def test_exit_code_by_finish_reason(
    command: Command, replies: list[str], options: list[str], reason: str
) -> None:
    result = command("run", "Go.", *options, replies=tuple(replies))
    assert result.exit_code == EXIT_CODES[reason] != 0
    assert f"{reason}: " in result.stderr


def test_every_finish_reason_has_an_exit_code(command: Command) -> None:
    assert sorted(EXIT_CODES) == sorted(FINISH_REASONS)
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)
    shown = " ".join(command("run", "--help").stdout.split())
    for reason, number in EXIT_CODES.items():
        assert f"{number} {reason}" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", " "], "the question is empty; ask something"),
        (["run", "Q", "-f", "none.csv"], "no such file: 'none.csv'; check the name and the folder"),
        (["run", "Q", "-f", "."], "'.' is a directory; attach the files in it one by one"),
        (["run", "Q", "-f", "big.csv"], "'big.csv' has 101.0 MB, but at most 100 MB can be attached"),
        (["run", "Q", "-f", "a.csv", "-f", "sub/a.csv"], "two attached files are named 'a.csv'"),
    ],
)
def test_bad_input_is_one_line(command: Command, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "sub/a.csv").write_text("x")
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(101_000_000)
    result = command(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"llama3-agent: {said}")
    assert result.stderr.count("\n") == 1


def test_an_output_folder_that_cannot_be_made(command: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    result = command("run", "Plot.", "--out", "taken", replies=(code(PLOT), say("Here.")))
    assert result.exit_code == 1
    assert result.stdout == "Here.\n"
    assert "cannot save" in result.stderr


def test_an_unknown_model_is_one_line(tmp_path: Path) -> None:
    done = _program("run", "Hi", "--model", "./no-such-folder", folder=tmp_path)
    assert done.returncode == 1
    assert "no-such-folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """On stdin, in an argument, and with a terminal that knows ASCII only."""
    done = subprocess.run(
        [sys.executable, "-m", "llama3_agent.cli", "chat", "--model", b"./no-\xff-f\xc3\xb6lder"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        input=b"\xff\n",
        capture_output=True,
    )
    assert done.returncode == 1
    assert b"no folder" in done.stderr
    assert b"Traceback" not in done.stderr


def _program(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llama3_agent.cli", *arguments], cwd=folder, capture_output=True, text=True
    )


SLOW = """
import sys, time
from llama3_agent import ScriptedLlama
from llama3_agent.cli import _setup, main
from tests.agent.conftest import byte_tokenizer, code, say

def slow(_):
    time.sleep(0.5)
    return say("word " * 4000)

replies = [code("print('first')"), slow]
byte_level = byte_tokenizer()
_setup.load_engine = lambda _: ScriptedLlama(byte_level, replies, context_length=32768)
sys.argv = ["llama3-agent", "run", "Talk."]
main()
"""


def test_ctrl_c_stops_cleanly(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    shown = ""
    while "[stdout]first" not in shown:
        line = process.stderr.readline()
        assert line, shown
        shown += line
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopping ..." in rest
    assert "interrupted: the answer was stopped by the user" in rest
    assert "Traceback" not in rest
    assert list(tmp_path.iterdir()) == []
