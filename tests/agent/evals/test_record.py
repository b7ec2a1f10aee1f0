"""Outcomes are kept as they come, and a run that was cut off goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama3_agent.errors import InputError
from llama3_agent.evals import Case, Outcome, Record

CASES = [Case(id=f"c{number}", suite="s", turns=("x",), goal="say") for number in range(4)]
SETTINGS = {"model": "cria", "judge": None}


def outcome(case: Case) -> Outcome:
    return Outcome(case.id, case.suite, "direct", "English", "say", False, "model", "नहीं", "answered", 0.5)


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    file, ran, told = tmp_path / "new" / "r.jsonl", [], []

    def run(case: Case) -> Outcome:
        if case.id == "c2" and len(ran) == 2:
            raise KeyboardInterrupt
        ran.append(case.id)
        return outcome(case)

    with pytest.raises(KeyboardInterrupt):
        Record(file, SETTINGS).complete(CASES, run, told.append)
    file.write_text(file.read_text("utf-8") + '{"id": "c2", "suit', "utf-8")  # cut off in a line
    ran.append("again")
    results = Record(file, SETTINGS).complete(CASES, run, told.append)
    assert ran == ["c0", "c1", "again", "c2", "c3"]
    assert results == [outcome(case) for case in CASES]
    assert [one.id for one in told] == ["c0", "c1", "c0", "c1", "c2", "c3"]
    assert Record(file, SETTINGS).outcomes == list(results)


def test_outcomes_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    Record(file, SETTINGS)
    with pytest.raises(InputError, match="other settings \\(model\\)"):
        Record(file, {**SETTINGS, "model": "other"})


@pytest.mark.parametrize("content", ["hello\n", '{"settings": {}}\n{"id": 3}\n', "[]\n"])
def test_another_file_is_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(content)
    with pytest.raises(InputError, match="holds no outcomes"):
        Record(file, {})
    assert file.read_text() == content
