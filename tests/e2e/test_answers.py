"""The embedded model answers from the data: what it says is what pandas says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from .checks import says, shows_a_plot
from .conftest import MakeAgent
from .tables import MAKERS

WEATHER = Path(__file__).parents[2] / "examples" / "data" / "seattle-weather.csv"

Truth = Callable[[pd.DataFrame], float]


def _file(folder: Path, table: str, seed: int) -> Path:
    path = folder / f"{table}.csv"
    MAKERS[table](seed).to_csv(path, index=False)
    return path


@pytest.mark.cria_answers
@pytest.mark.parametrize("seed", [11, 12])
def test_the_average_price_and_its_plot(make_agent: MakeAgent, tmp_path: Path, seed: int) -> None:
    file = _file(tmp_path, "houses", seed)
    question = "What is the average price in houses.csv? Plot price against area."
    run = make_agent().run(question, files=[file])
    assert run.finish_reason == "answered"
    assert says(run.output, pd.read_csv(file)["price"].mean()), run.output
    assert [name for name in run.files if name.endswith(".png")]
    assert all(shows_a_plot(data) for name, data in run.files.items() if name.endswith(".png"))


@pytest.mark.cria_answers
@pytest.mark.parametrize(
    ("table", "question", "truth"),
    [
        ("houses", "What is the median area?", lambda df: df["area"].median()),
        ("houses", "How many rows have a price above 300000?", lambda df: (df["price"] > 300000).sum()),
        ("houses", "average price in York", lambda df: df[df["town"] == "York"]["price"].mean()),
        ("trees", "highest height_m?", lambda df: df["height_m"].max()),
        ("trees", "How many rows are there?", len),
        ("trees", "how many values are missing in age?", lambda df: df["age"].isna().sum()),
        ("orders", "What is the total Quantity?", lambda df: df["Quantity"].sum()),
        ("orders", "mean of Unit Price please", lambda df: df["Unit Price"].mean()),
        ("orders", "tell me the lowest unit price", lambda df: df["Unit Price"].min()),
    ],
)
def test_one_number(make_agent: MakeAgent, tmp_path: Path, table: str, question: str, truth: Truth) -> None:
    file = _file(tmp_path, table, seed=21)
    run = make_agent().run(question, files=[file])
    assert run.finish_reason == "answered"
    assert says(run.output, truth(pd.read_csv(file))), run.output


PHRASINGS: dict[str, tuple[str, ...]] = {
    "mean": ("What is the average {}?", "mean {} please", "Can you tell me how high {} is on average?"),
    "median": ("What's the median of {}?", "median {}", "Give me the median value of {}."),
    "max": ("What is the maximum {}?", "highest {}", "Tell me the largest value of {}."),
    "sum": ("What is the sum of {}?", "total {} please", "Add up {} for me."),
}
COLUMNS = {"houses": ("area", "price"), "trees": ("height_m",), "orders": ("Quantity", "Unit Price")}


@pytest.mark.cria_answers
def test_columns_and_phrasings(make_agent: MakeAgent, tmp_path: Path) -> None:
    """A small model may miss one in ten of these; what it says in between must be what pandas says."""
    columns = [(table, column) for table, names in COLUMNS.items() for column in names]
    asked, wrong = 0, []
    for seed, (statistic, phrasings) in enumerate(PHRASINGS.items()):
        for turn, phrasing in enumerate(phrasings):
            table, column = columns[(seed * len(phrasings) + turn) % len(columns)]
            file = _file(tmp_path, table, seed=100 + asked)
            run = make_agent().run(phrasing.format(column), files=[file])
            if not says(run.output, getattr(pd.read_csv(file)[column], statistic)()):
                wrong.append(f"{phrasing.format(column)} {table}: {run.output or run.error}")
            asked += 1
    assert len(wrong) <= asked // 10, wrong


@pytest.mark.cria_answers
def test_a_real_table(make_agent: MakeAgent) -> None:
    run = make_agent().run("What is the highest wind in seattle-weather.csv?", files=[WEATHER])
    assert says(run.output, pd.read_csv(WEATHER)["wind"].max()), run.output


@pytest.mark.cria_answers
def test_follow_ups(make_agent: MakeAgent, tmp_path: Path) -> None:
    file = _file(tmp_path, "houses", 31)
    frame, agent = pd.read_csv(file), make_agent()
    first = agent.run("What is the average price?", files=[file], thread="t")
    second = agent.run("And the median?", thread="t")
    assert says(first.output, frame["price"].mean()), first.output
    assert says(second.output, frame["price"].median()), second.output


@pytest.mark.cria_answers
@pytest.mark.parametrize(
    "question", ["Plot price against area.", "histogram of price", "bar chart of the average price by town"]
)
def test_a_plot(make_agent: MakeAgent, tmp_path: Path, question: str) -> None:
    run = make_agent().run(question, files=[_file(tmp_path, "houses", 41)])
    assert run.finish_reason == "answered"
    (saved,) = run.files.save(tmp_path / "out")
    assert saved.suffix == ".png"
    assert shows_a_plot(saved.read_bytes())


def test_no_tool_for_a_greeting(make_agent: MakeAgent) -> None:
    run = make_agent().run("Hello!")
    assert run.finish_reason == "answered"
    assert run.steps == 1
    assert run.output.strip()
