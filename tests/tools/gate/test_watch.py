"""Code looked at while it is being written."""

from __future__ import annotations

import random
import threading
import tomllib
from pathlib import Path

import pytest

from llama3_tools.gate import CodeGate, Verdict

FOLDER = Path(__file__).parents[3] / "benchmarks" / "gate"
# Every few of the labelled snippets: all of them are scanned by another test.
SNIPPETS = [
    text
    for path in sorted(FOLDER.glob("*.toml"))
    for texts in tomllib.loads(path.read_text(encoding="utf-8")).values()
    for text in texts[::4]
]

LONG = "total = 0\n" + "".join(f"value_{i} = {i}\n" for i in range(40))


def _written(gate: CodeGate, code: str, session: str = "watched") -> tuple[int, Verdict | None]:
    """After how many characters the watch spoke, and what it said."""
    watch, random_sizes, position = gate.watch(session=session), random.Random(1), 0
    while position < len(code):
        size = random_sizes.randint(1, 6)
        verdict = watch.feed(code[position : position + size])
        position += size
        if verdict is not None:
            return position, verdict
    return position, None


def test_the_model_need_not_write_to_the_end(gate: CodeGate) -> None:
    position, verdict = _written(gate, "import os\nos.system('ls')\nx = 1\n" + LONG)
    assert verdict is not None
    assert (verdict.decision, verdict.findings[0].rule, verdict.findings[0].line) == (
        "block",
        "process.shell",
        2,
    )
    assert position < 80


def test_what_passes_is_left_to_the_scan(gate: CodeGate) -> None:
    assert _written(gate, LONG)[1] is None
    assert _written(gate, "import hashlib\nhashlib.md5(b'')\n" + LONG)[1] is None


def test_statements_count_once_they_are_finished(gate: CodeGate) -> None:
    code = "n = 0\nwhile True:\n    n += 1\n    print(n)\n    if n > 3:\n        break\nprint(n)\n"
    assert _written(gate, code + LONG)[1] is None
    assert _written(gate, 'text = """\nimport os\nos.system(1)\n"""\n' + LONG)[1] is None
    assert _written(gate, "@property\ndef f(self):\n    return eval\n")[1] is None


def test_names_of_earlier_cells_count(gate: CodeGate) -> None:
    gate.scan("import os as calm", session="seen")
    code = "print(calm.environ)\nx = 1\n" + LONG
    assert _written(gate, code, session="seen")[1] is not None
    assert _written(gate, code, session="unseen")[1] is None


def test_a_look_teaches_nothing(gate: CodeGate) -> None:
    _written(gate, "import os as quiet\nx = 1\n" + LONG, session="untaught")
    assert (
        gate.scan("quiet.system('ls')", session="other").findings
        == gate.scan("quiet.system('ls')", session="untaught").findings
    )


def test_text_that_never_parses_costs_little(gate: CodeGate) -> None:
    assert _written(gate, "= =\n" * 5_000)[1] is None
    assert _written(gate, "(" * 5_000 + "\n" + "x = 1\n" * 10)[1] is None


@pytest.mark.parametrize("part", range(4))
def test_who_watches_says_nothing_that_the_scan_does_not_say(gate: CodeGate, part: int) -> None:
    for snippet in SNIPPETS[part::4]:
        cells = snippet.split("# %%\n")
        watched, alone = f"watched {snippet}", f"alone {snippet}"
        for cell in cells:
            early = _written(gate, cell, session=watched)[1]
            verdict = gate.scan(cell, session=watched)
            assert early is None or verdict.decision == "block", snippet
            again = gate.scan(cell, session=alone)
            assert (verdict.decision, verdict.findings, verdict.sha256) == (
                again.decision,
                again.findings,
                again.sha256,
            )


def _proofs() -> int:
    return sum(thread.name == "gate" for thread in threading.enumerate())


def test_a_proof_is_made_once_and_leaves_no_thread() -> None:
    gate, before = CodeGate(time_limit=60), _proofs()
    for _ in range(3):
        gate.prepare()
    assert _proofs() == before + 1
    assert gate.scan("x = 1").decision == "allow"
    gate.prepare()
    gate.close()
    assert _proofs() == before
    gate.prepare()
    assert _proofs() == before


def test_a_proof_that_fails_is_told_by_the_scan() -> None:
    gate, before = CodeGate(semgrep=Path("/nowhere/semgrep-core")), _proofs()
    gate.prepare()
    assert [finding.rule for finding in gate.scan("x = 1").findings] == ["gate.unavailable"]
    gate.close()
    assert _proofs() == before
