"""The exact words that the model reads about a call."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from llama3_agent._format import code_result, error, failed, gate_refusal, tool_result
from llama3_tools import Execution, ExecutionError, Finding, Logs, Result, Verdict

TRACEBACK = """Traceback (most recent call last):
  Cell 2, line 1
    df["prise"].mean()
KeyError: 'prise'"""


@pytest.mark.parametrize(
    ("execution", "text"),
    [
        (Execution(), "completed"),
        (Execution(logs=Logs(["a\n", "b\n"])), "completed\n[stdout]a\nb[/stdout]"),
        (
            Execution(results=[Result(text="42", is_main_result=True)]),
            "completed\n[stdout]42[/stdout]",
        ),
        (
            Execution(results=[Result(text="42", is_main_result=True)], logs=Logs(["hi\n"])),
            "completed\n[stdout]hi\n42[/stdout]",
        ),
        (Execution(logs=Logs([], ["careful\n"])), "completed\n[stderr]careful[/stderr]"),
        (
            Execution(error=ExecutionError("KeyError", "'prise'", TRACEBACK)),
            f"failed\n[stderr]{TRACEBACK}[/stderr]",
        ),
        (
            Execution(error=ExecutionError("MemoryLimit", "more than 1024 MB", ""), state_lost=True),
            "failed\n[stderr]MemoryLimit: more than 1024 MB[/stderr]",
        ),
        (
            Execution(
                logs=Logs(["1\n"]),
                error=ExecutionError("TimeLimit", "stopped after 30 s", "stopped after 30 s"),
                timed_out=True,
            ),
            "timeout\n[stdout]1[/stdout]\n[stderr]stopped after 30 s[/stderr]",
        ),
    ],
)
def test_code_result(execution: Execution, text: str) -> None:
    assert code_result(execution) == text


def test_plots_and_files_follow_the_output() -> None:
    execution = Execution(logs=Logs(["x\n"]))
    assert code_result(execution, plots=["plot-1.png", "plot-2.png"], files=["a.csv", "b.csv"]) == (
        "completed\n[stdout]x[/stdout]\n[plot]plot-1.png[/plot]\n[plot]plot-2.png[/plot]\n"
        "[files]a.csv, b.csv[/files]"
    )


def test_long_output_keeps_head_and_tail_and_says_so() -> None:
    text = code_result(Execution(logs=Logs(["head" + "x" * 50_000 + "tail"])), limit=1_000)
    assert len(text) < 1_200
    assert text.startswith("completed\n[stdout]head")
    assert text.endswith("tail[/stdout]")
    assert "[... 49,008 characters left out ...]" in text


def test_terminal_sequences_do_not_reach_the_model() -> None:
    assert (
        code_result(Execution(logs=Logs(["\x1b[31mred\x1b[0m \x07"])))
        == "completed\n[stdout]red \\x07[/stdout]"
    )


def test_gate_refusal_has_one_line_a_finding() -> None:
    findings = (
        Finding("a", 2, "CWE-502", "pickle can run code.", "Use json.", "block"),
        Finding("b", 5, "", "os.system runs a command.", "", "block"),
    )
    assert gate_refusal(Verdict("block", findings, ("l",), 0.1, "")) == (
        "blocked\n[gate]line 2: pickle can run code. Use json.[/gate]\n"
        "[gate]line 5: os.system runs a command.[/gate]"
    )


def test_a_refusal_without_findings_still_says_something() -> None:
    assert gate_refusal(Verdict("block", (), (), 0.0, "")).startswith("blocked\n[gate]")


class Weather(BaseModel):
    city: str
    celsius: float


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        (3, "3"),
        (None, "null"),
        ({"città": [1, 2.5]}, '{"città": [1, 2.5]}'),
        (Weather(city="Rome", celsius=21), '{"city": "Rome", "celsius": 21.0}'),
        ([Point(1)], '[{"x": 1}]'),
        ({"b", "a"}, '["a", "b"]'),
        (1 + 2j, '"(1+2j)"'),
    ],
)
def test_tool_result(value: object, text: str) -> None:
    assert tool_result(value) == text


def test_errors_are_marked_once() -> None:
    assert error("no such city") == error(error("no such city")) == "error: no such city"
    assert failed("why") == "failed\n[stderr]why[/stderr]"
