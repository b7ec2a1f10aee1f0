"""The door to the sandbox: only the text that the gate has passed."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from llama3_agent import CodeRefused
from llama3_agent._code import CodeRunner, Harvest, verdict_from, verdict_state
from llama3_agent.events import CodeScan, Final, ToolCallDelta
from llama3_tools import CodeGate, Execution, Finding, LocalSandbox, Result, Verdict

from .conftest import MakeAgent, code, say

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


class Counting(CodeGate):
    """Counts how often it is told that code is about to come."""

    told = 0

    def prepare(self) -> None:
        self.told += 1
        super().prepare()


def _proofs() -> int:
    return sum(thread.name == "gate" for thread in threading.enumerate())


def test_the_gate_gets_ready_while_code_is_written(make_agent: MakeAgent) -> None:
    gate = Counting(time_limit=60)
    seen: list[int] = []
    agent = make_agent(say("Hello."), code("6 * 7"), say("42."), gate=gate)
    assert agent.run("Hi.").output == "Hello."
    assert gate.told == 0
    for event in agent.stream("How much?"):
        if isinstance(event, ToolCallDelta):
            seen.append(gate.told)
        if isinstance(event, CodeScan):
            assert (event.code, event.verdict.decision) == ("6 * 7", "allow")
    assert seen[0] == gate.told == 1
    gate.close()


@pytest.mark.parametrize("end", ["cancelled", "truncated", "blocked"])
def test_however_code_ends_no_thread_is_left_behind(make_agent: MakeAgent, end: str) -> None:
    gate, before = Counting(time_limit=60), _proofs()
    text = "import os\nos.system('ls')\n" + "x = 1\n" * 200
    agent = make_agent(code(text), say("No."), gate=gate, max_tokens=30 if end == "truncated" else 4096)
    with agent.stream("Go.") as stream:
        for event in stream:
            if end == "cancelled" and isinstance(event, ToolCallDelta):
                agent.cancel()
            if isinstance(event, Final):
                run = event.run
    assert gate.told == 1
    assert run.finish_reason == {"cancelled": "interrupted", "blocked": "answered"}.get(end, end)
    assert not [result for result in run.results if result]
    gate.close()
    assert _proofs() == before


def test_where_no_code_can_run_the_gate_is_left_alone(make_agent: MakeAgent) -> None:
    gate = Counting()
    make_agent(code("6 * 7"), say("No."), gate=gate, sandbox=None).run("How much?")
    assert gate.told == 0
