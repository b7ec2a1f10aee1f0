"""The example scripts, with the model, the gate and the sandbox that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from ..guard_models import LLAMA_GUARD, PROMPT_GUARD_2, shared_folder
from .conftest import EXAMPLES, RunExample

WEATHER = EXAMPLES / "data" / "seattle-weather.csv"


def test_every_script_is_run_here() -> None:
    named = set(re.findall(r"run_example\(\"(\w+\.py)\"", Path(__file__).read_text()))
    assert named == {path.name for path in EXAMPLES.glob("*.py")}


def test_guards(run_example: RunExample) -> None:
    shown = run_example("guards.py").stdout
    ends = {line.split(":")[0]: line for line in shown.splitlines()}
    assert "withheld, because a guard stopped it (hidden_text" in ends["guard"]
    assert "os.system runs a shell command" in ends["gate"]
    assert "the user refused this call" in ends["approval"]
    assert "No such file or directory" in ends["sandbox"]
    assert ends["active"] == "active: hidden_text at input, hidden_text at tool"


def test_guards_with_weights(run_example: RunExample, tmp_path_factory: pytest.TempPathFactory) -> None:
    models = shared_folder(tmp_path_factory)
    shown = run_example("guards.py", models / LLAMA_GUARD, models / PROMPT_GUARD_2).stdout
    assert "llama_guard at call" in shown
    assert "prompt_guard at tool" in shown
    ends = [line.split(":")[0] for line in shown.splitlines()]
    assert set(ends) == {
        "guard",
        "gate",
        "approval",
        "sandbox",
        "active",
    }  # tiny guards stop what they do not know


@pytest.mark.cria_answers
def test_hello(run_example: RunExample) -> None:
    assert str(17 * 23 + 4) in run_example("hello.py").stdout


@pytest.mark.cria_answers
def test_custom_function(run_example: RunExample) -> None:
    shown = run_example("custom_function.py").stdout
    assert "called get_weather({'city': 'Lima'})" in shown
    assert "22" in shown.splitlines()[-1]


@pytest.mark.cria_answers
def test_csv_analysis(run_example: RunExample, tmp_path: Path) -> None:
    shown = run_example("csv_analysis.py").stdout
    frame = pd.read_csv(WEATHER)
    assert f"{frame['temp_max'].mean():.2f}" in shown
    assert str(frame["temp_max"].median()) in shown
    assert "saved plots/plot-1.png" in shown
    with Image.open(tmp_path / "plots" / "plot-1.png") as plot:
        assert len(set(plot.convert("L").tobytes())) > 10


@pytest.mark.cria_answers
def test_csv_analysis_of_another_file(run_example: RunExample) -> None:
    file = EXAMPLES / "data" / "iowa-electricity.csv"
    shown = run_example("csv_analysis.py", file, "What is the highest net_generation?").stdout
    assert str(pd.read_csv(file)["net_generation"].max()) in shown


@pytest.mark.cria_answers
def test_approval(run_example: RunExample) -> None:
    shown = run_example("approval.py").stdout
    assert "asked about:" in shown
    assert str(17 * 23 + 4) in shown.splitlines()[-1]


@pytest.mark.cria_answers
def test_resume(run_example: RunExample) -> None:
    shown = run_example("resume.py").stdout
    assert shown.count("and dying") == 1
    assert "the first program ended with 9" in shown
    assert "not known whether it took effect" in shown


@pytest.mark.cria_answers
def test_mcp_tools(run_example: RunExample) -> None:
    shown = run_example("mcp_tools.py").stdout
    assert "tools: get_weather" in shown
    assert "22" in shown.splitlines()[-1]


def test_structured_output(run_example: RunExample) -> None:
    words, value, things, wrong = run_example("structured_output.py").stdout.splitlines()
    assert words == "It is sunny in Lima, at 22 degrees."
    assert value == "Weather(city='Lima', sky='sunny', degrees=22)"
    assert things == "['sunglasses', 'hat', 'water']"
    assert wrong.startswith("error - the answer could not be put into the form asked for: degrees: 220")


def test_three_ways(run_example: RunExample) -> None:
    ways = [
        line.partition(":")[0] for line in run_example("three_ways.py").stdout.splitlines() if ":" in line
    ]
    assert {"Agent", "subgraph", "create_agent"} <= set(ways)
