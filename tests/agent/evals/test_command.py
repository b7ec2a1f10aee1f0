"""``llama3-agent eval`` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llama3_agent.cli._app import app
from llama3_agent.cli._eval import spread
from llama3_agent.evals import redteam


def test_a_few_cases_of_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["eval", "--model", "obedient", "--limit", "4", "--guard", "hidden-text"]
    first = CliRunner().invoke(app, arguments)
    assert first.exit_code == 0, first.output
    assert "guards: hidden_text at input, hidden_text at tool" in first.stderr
    assert "honest" in first.stdout
    lines = (tmp_path / "eval.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 5
    again = CliRunner().invoke(app, [*arguments, "--json"])
    counts = json.loads(again.stdout)
    assert counts["all"]["attacks"] + counts["all"]["honest"] == 4
    assert counts["settings"]["model"] == "obedient"
    assert (tmp_path / "eval.jsonl").read_text("utf-8").splitlines() == lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "there is no suite 'nonsense'"),
        (["interpreter"], "say with --data"),
        (["interpreter", "--data", "."], "there is no interpreter"),
    ],
)
def test_what_cannot_be_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["eval", *arguments])
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_limit_takes_from_all_of_a_suite() -> None:
    cases = redteam()
    few = spread(cases, 8)
    assert len({case.language for case in few}) == 8
    assert spread(cases, None) == spread(cases, 10_000) == cases
