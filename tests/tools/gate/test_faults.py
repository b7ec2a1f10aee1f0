"""Every way in which the machinery can fail ends in "block"."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from llama3_tools.gate import CodeGate, GateUnavailable
from llama3_tools.gate._codeshield import rules_folder
from llama3_tools.gate._engine import find_binary

HARMLESS = "print(1)"

ENGINES = {
    "exits with an error": "exit 2",
    "crashes": "kill -SEGV $$",
    "says nothing": "exit 0",
    "is no json": "echo not json",
    "truncates its report": 'echo \'{"results": [{"path": "\'',
    "scans nothing": 'echo \'{"results": [], "errors": [], "paths": {"scanned": []}}\'',
    "lacks the paths": 'echo \'{"results": [], "errors": []}\'',
    "is a list": "echo '[]'",
    "sees nothing in what it scans": (
        "for last; do prev=$cur; cur=$last; done; "
        'printf \'{"results": [], "errors": [], "paths": {"scanned": ["%s", "%s"]}}\' "$prev" "$cur"'
    ),
    "reports an error": (
        'for last; do prev=$cur; cur=$last; done; printf \'{"results": [{"path": "%s", "check_id": '
        '"insecure-os-system-use", "start": {"line": 2}, "extra": {"message": ""}}], '
        '"errors": [{"type": "OutOfMemory", '
        '"level": "warn"}], "paths": {"scanned": ["%s", "%s"]}}\' "$cur" "$prev" "$cur"'
    ),
    "hangs": "sleep 60 & sleep 60",
    "is killed": "kill -KILL $$",
    "never stops talking": "exec yes",
    "ends, but leaves a child that keeps its output open": "sleep 60 & echo '{}'",
    "reports another file": (
        'echo \'{"results": [], "errors": [], "paths": {"scanned": ["/a.py", "/b.py"]}}\''
    ),
}


def _engine(folder: Path, body: str) -> Path:
    path = folder / "semgrep-core"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _assert_closed(gate: CodeGate, code: str = HARMLESS) -> None:
    verdict = gate.scan(code)
    assert (verdict.decision, verdict.layers) == ("block", ())
    assert [finding.rule for finding in verdict.findings] == ["gate.unavailable"]


@pytest.mark.parametrize("body", ENGINES.values(), ids=ENGINES)
def test_a_broken_engine_closes_the_gate(tmp_path: Path, body: str) -> None:
    gate = CodeGate(semgrep=_engine(tmp_path, body), time_limit=0.5)
    _assert_closed(gate)
    with pytest.raises(GateUnavailable):
        gate.check()


def test_a_hung_engine_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "pids"
    gate = CodeGate(
        semgrep=_engine(tmp_path, f"sleep 60 & echo $! > {mark}; echo $$ >> {mark}; wait"), time_limit=3
    )
    start = time.perf_counter()
    _assert_closed(gate)
    assert time.perf_counter() - start < 30
    assert not any(_is_alive(int(pid)) for pid in mark.read_text().split())


def _is_alive(pid: int) -> bool:
    for _ in range(50):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        time.sleep(0.02)
    return True


def test_no_engine(tmp_path: Path) -> None:
    _assert_closed(CodeGate(semgrep=tmp_path / "missing"))


def test_an_engine_that_cannot_be_executed(tmp_path: Path) -> None:
    path = tmp_path / "semgrep-core"
    path.write_text("no program")
    _assert_closed(CodeGate(semgrep=path))


def test_the_engine_disappears_between_scans(tmp_path: Path) -> None:
    path = tmp_path / "semgrep-core"
    path.symlink_to(find_binary())
    gate = CodeGate(semgrep=path, time_limit=60)
    assert gate.scan(HARMLESS).decision == "allow"
    path.unlink()
    _assert_closed(gate)
    _assert_closed(gate, "x = 2")


def test_the_engine_is_replaced_between_scans(tmp_path: Path) -> None:
    path = tmp_path / "semgrep-core"
    path.symlink_to(find_binary())
    gate = CodeGate(semgrep=path, time_limit=60)
    assert gate.scan(HARMLESS).decision == "allow"
    path.unlink()
    _engine(tmp_path, "exit 0")
    _assert_closed(gate)


def test_the_engine_fails_only_when_needed(tmp_path: Path) -> None:
    # Healthy for the canary, then broken: one scan without findings of ours must not slip through.
    flag = tmp_path / "broken"
    engine = tmp_path / "semgrep-core"
    engine.write_text(f'#!/bin/bash\n[ -e {flag} ] && exit 0\nexec -a osemgrep "{find_binary()}" "$@"\n')
    engine.chmod(0o755)
    gate = CodeGate(semgrep=engine, time_limit=60)
    assert gate.scan(HARMLESS).decision == "allow"
    flag.touch()
    _assert_closed(gate, "from tools import run\nrun(command, shell=True)")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return Path(shutil.copytree(rules_folder(), tmp_path / "rules"))


@pytest.mark.parametrize(
    "name", ["config.yaml", "regex/python.yaml", "semgrep/_generated_/python_codeshield.json"]
)
@pytest.mark.parametrize("text", ["", "{[", "[]", "{}", None])
def test_broken_rules_close_the_gate(rules: Path, name: str, text: str | None) -> None:
    if text is None:
        (rules / name).unlink()
    else:
        (rules / name).write_text(text)
    _assert_closed(CodeGate(rules=rules, time_limit=60))


def test_blind_rules_miss_their_canary(rules: Path) -> None:
    path = rules / "semgrep" / "_generated_" / "python_codeshield.json"
    data = json.loads(path.read_text())
    data["rules"] = [rule for rule in data["rules"] if rule["id"] != "insecure-os-system-use"]
    path.write_text(json.dumps(data))
    _assert_closed(CodeGate(rules=rules, time_limit=60))


def test_no_rules(tmp_path: Path) -> None:
    _assert_closed(CodeGate(rules=tmp_path))


def test_no_temporary_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    _assert_closed(CodeGate())


def test_a_closed_gate_blocks() -> None:
    gate = CodeGate()
    gate.close()
    _assert_closed(gate)


def test_what_is_no_text_is_blocked(gate: CodeGate) -> None:
    verdict = gate.scan(b"print(1)")  # type: ignore[arg-type]
    assert [finding.rule for finding in verdict.findings] == ["gate.text"]


def test_an_engine_on_the_path_is_found_when_none_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llama3_tools.gate._engine.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    _assert_closed(CodeGate())
    _engine(tmp_path, "exit 3")
    _assert_closed(CodeGate())


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("x = '\ud800'", "gate.text"),
        ("x = 1\n" * 50_000, "gate.size"),
        ("-" * 100_000 + "1", "gate.complex"),
        ("(" * 5000 + ")" * 5000, ""),
        ("x" + ".a" * 50_000, "gate.complex"),
        ("\0", ""),
    ],
    ids=["surrogate", "oversize", "deep", "parentheses", "chain", "null"],
)
def test_texts_that_cannot_be_checked(gate: CodeGate, code: str, rule: str) -> None:
    verdict = gate.scan(code)
    if rule:
        assert (verdict.decision, verdict.findings[0].rule) == ("block", rule)


ADVERSARIAL = {
    "dashes": "#" + "-" * 190_000,
    "keys": "# ---BEGIN PRIVATE KEY" * 8_000,
    "escapes": "x = " + '"' + '\\"' * 90_000,
    "quotes": "'''" * 60_000,
    "spaces": "x" + " " * 190_000 + "= = (",
    "sum": "x = " + "+".join(["'a'"] * 900),
    "names": "\n".join(f"a{i} = a{i + 1}" for i in range(8_000)),
    "imports": "import os as o\n" * 10_000 + "= =",
    "loops": "\n".join("while True: break" for _ in range(8_000)),
    "functions": "\n".join(f"def f{i}(): return f{i + 1}(x=[])" for i in range(4_000)),
    "queries": "\n".join("cur.execute(q)" for _ in range(8_000)),
    "lists": "x = " + "[" * 60 + "1" + "]" * 60 + "\n" + "x = [x, x, x]\n" * 3_000,
    "dictionaries": "x = {'a': 1}\n" + "x = {'a': x, 'b': x}\n" * 3_000,
    "texts": "x = 'a'\n" + "x = f'{x}{x}' + x % x\n" * 3_000,
    "calls": "x = f(x)\n" * 8_000 + "y = " + ".a()".join("b" for _ in range(80)),
    "hits": "= =\n" + "os.system(1)\n" * 15_000,
}


@pytest.mark.parametrize("code", ADVERSARIAL.values(), ids=ADVERSARIAL)
def test_hostile_text_takes_bounded_time(gate: CodeGate, code: str) -> None:
    start = time.process_time()  # semgrep has a limit of its own
    gate.scan(code, session="hostile")
    assert time.process_time() - start < 8


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    scratch = tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = sorted(find_binary().parent.iterdir())
    assert CodeGate(time_limit=60).scan("eval('1')").decision == "block"
    assert (list(home.iterdir()), list(scratch.iterdir())) == ([], [])
    assert sorted(find_binary().parent.iterdir()) == before
