"""The door to the sandbox: only the text that the gate has passed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from llama3_agent import CodeRefused
from llama3_agent._code import CodeRunner, Harvest, verdict_from, verdict_state
from llama3_tools import CodeGate, Execution, Finding, LocalSandbox, Result, Verdict

INSECURE = "import pickle\npickle.loads(open('x', 'rb').read())\n"


def test_passed_code_runs(gate: CodeGate) -> None:
    runner = CodeRunner(gate)
    verdict = runner.scan("6 * 7")
    with LocalSandbox() as box:
        assert runner.run("6 * 7", verdict, box, timeout=20).text == "42"


def test_blocked_code_does_not_run(gate: CodeGate) -> None:
    runner = CodeRunner(gate)
    verdict = runner.scan(INSECURE)
    with LocalSandbox() as box, pytest.raises(CodeRefused, match="has not passed"):
        runner.run(INSECURE, verdict, box, timeout=20)


def test_a_verdict_is_good_for_its_own_text_only(gate: CodeGate) -> None:
    runner = CodeRunner(gate)
    verdict = runner.scan("6 * 7")
    with LocalSandbox() as box, pytest.raises(CodeRefused, match="not the code"):
        runner.run("6 * 8", verdict, box, timeout=20)
    with LocalSandbox() as box, pytest.raises(CodeRefused, match="not the code"):
        runner.run("6 * 7", replace(verdict, sha256=""), box, timeout=20)


def test_verdicts_survive_a_checkpoint() -> None:
    verdict = Verdict("warn", (Finding("r", 1, "CWE-1", "m", "a", "warn"),), ("l",), 0.5, "abc")
    assert verdict_from(verdict_state(verdict)) == verdict


@pytest.mark.parametrize("png", ["not base64!", "aGVsbG8=", "é"])
def test_a_forged_figure_is_no_figure(png: str) -> None:
    harvest = Harvest()
    with LocalSandbox() as box:
        assert harvest.gather(Execution(results=[Result(png=png)]), box, plots=0) == ([], [])
    assert harvest.files == {}


def test_a_file_that_cannot_be_written_whole_is_not_left_behind(tmp_path: Path) -> None:
    program = (
        "import resource\nfrom llama3_agent import RunFiles\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try: RunFiles({'plot-1.png': bytes(100_000)}).save('.')\n"
        "except OSError as error: print(error.strerror)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "File too large\n"
    assert list(tmp_path.iterdir()) == []
