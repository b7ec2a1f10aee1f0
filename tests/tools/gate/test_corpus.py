"""What the gate stops, mentions and lets pass, snippet by snippet."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from llama3_tools.gate import CodeGate


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = _load("corpus")


@pytest.mark.parametrize(("code", "rule"), corpus.INSECURE)
def test_insecure_code_is_blocked(gate: CodeGate, code: str, rule: str) -> None:
    verdict = gate.scan(code, session=code)
    assert verdict.decision == "block"
    assert rule in {finding.rule for finding in verdict.findings}
    assert not any(finding.rule.startswith("gate.") for finding in verdict.findings)


@pytest.mark.parametrize(("code", "rule"), corpus.DOUBTFUL)
def test_doubtful_code_is_mentioned_once(gate: CodeGate, code: str, rule: str) -> None:
    verdict = gate.scan(code, session=code)
    assert (verdict.decision, [finding.rule for finding in verdict.findings]) == ("warn", [rule])


@pytest.mark.parametrize("code", corpus.BENIGN)
def test_ordinary_code_passes_without_a_murmur(gate: CodeGate, code: str) -> None:
    verdict = gate.scan(code, session=code)
    assert (verdict.decision, verdict.findings) == ("allow", ())


def test_corpus_is_large_enough() -> None:
    assert min(len(corpus.INSECURE), len(corpus.BENIGN)) >= 60


def test_ordinary_code_takes_milliseconds(gate: CodeGate) -> None:
    seconds = sorted(gate.scan(code, session=f"timed {code}").seconds for code in corpus.BENIGN)
    assert seconds[len(seconds) // 2] < 0.010
