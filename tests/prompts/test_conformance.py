"""The published list of what messages mean, in benchmarks/conformance."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from llama3_prompts import parse

_SCRIPT = Path(__file__).parents[2] / "benchmarks" / "conformance" / "run.py"
_SPEC = importlib.util.spec_from_file_location("conformance", _SCRIPT)
assert _SPEC is not None
assert _SPEC.loader is not None
conformance = importlib.util.module_from_spec(_SPEC)
sys.modules["conformance"] = conformance
_SPEC.loader.exec_module(conformance)

CASES = conformance.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: conformance.Case) -> None:
    message = parse(case.text, conformance.TOOLS)
    assert [[call["name"], call["args"]] for call in message.tool_calls] == case.calls
    assert [call["name"] or "" for call in message.invalid_tool_calls] == case.invalid
    if case.kind == "answer":
        assert message.content == parse(case.text, code_interpreter=False, builtin_tools=()).content


def test_the_list_is_long_and_gives_reasons() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60
    assert all(case.why for case in CASES)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"calls": [["ping", {}]]}, "right"),
        ({"calls": [["ping", {"a": 1}]]}, "wrong call"),
        ({"calls": [["ping", {}], ["ping", {}]]}, "wrong call"),
        ({"calls": []}, "missed"),
        ({"raised": "ValueError"}, "raised"),
    ],
)
def test_how_an_answer_is_judged(answer: dict[str, object], verdict: str) -> None:
    assert conformance.Case("x", "y", "z", calls=[["ping", {}]]).judge(answer) == verdict


def test_an_error_is_right_for_a_broken_call_and_wrong_for_an_answer() -> None:
    raised = {"raised": "ValueError"}
    assert conformance.Case("x", "y", "z", invalid=["ping"]).judge(raised) == "right"
    assert conformance.Case("x", "y", "z").judge(raised) == "raised"
    assert conformance.Case("x", "y", "z").judge({"calls": [["ping", {}]]}) == "wrong call"
