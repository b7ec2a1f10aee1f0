"""What a verdict says: findings, words, layers, hash, sessions, policy."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from llama3_tools.gate import CodeGate, Policy
from llama3_tools.gate._rules import RULES

SAYINGS = [
    ("import os\nos.system('ls')", 2, "os.system runs a shell command. Use os.listdir or pathlib instead."),
    ("import os\nos.popen('ls')", 2, "os.popen runs a shell command. Use os.listdir or pathlib instead."),
    (
        "import subprocess\nsubprocess.run(['ls'])",
        2,
        "subprocess.run starts another program. Do the work in Python instead.",
    ),
    (
        "import subprocess as sp\nsp.run('ls', shell=True)",
        2,
        "subprocess.run starts another program. Do the work in Python instead.",
    ),
    ("!ls", 1, "A line that starts with ! runs a shell command. Use os.listdir or pathlib instead."),
    (
        "eval('1')",
        1,
        "eval runs text as code. Write the expression directly, or use ast.literal_eval for data.",
    ),
    ("exec('x = 1')", 1, "exec runs text as code. Write the code directly."),
    ("__import__('math')", 1, "__import__ loads code by its name. Use a plain import statement instead."),
    (
        "import pickle\npickle.load(f)",
        2,
        "pickle.load can run code hidden in the data. Use json or CSV instead.",
    ),
    (
        "import requests\nr = requests.get(u)\nprint(r.text)",
        2,
        "requests.get opens a network connection. Work with the attached files instead.",
    ),
    ("import socket", 1, "socket opens a network connection. Work with the attached files instead."),
    (
        "import os\nos.environ['KEY']",
        2,
        "os.environ reads the environment. Ask the user for the value instead.",
    ),
    (
        "import shutil\nshutil.rmtree('x')",
        2,
        "shutil.rmtree deletes a whole directory. Leave the files in place.",
    ),
    ("import os\nos.remove('/x')", 2, "os.remove deletes files. Leave the files in place."),
    ("import ctypes\nctypes.CDLL(None)", 2, "ctypes.CDLL calls native code. Use Python or numpy instead."),
]


@pytest.mark.parametrize(("code", "line", "text"), SAYINGS)
def test_one_finding_with_stable_words(gate: CodeGate, code: str, line: int, text: str) -> None:
    (finding,) = gate.scan(code, session=code).findings
    assert (finding.line, f"{finding.message} {finding.advice}") == (line, text)
    assert finding.cwe.startswith("CWE-")


def test_verdict_is_bound_to_the_exact_text(gate: CodeGate) -> None:
    code = "x = 'é'\n"
    assert gate.scan(code).sha256 == hashlib.sha256(code.encode()).hexdigest()
    assert gate.scan(code).sha256 != gate.scan(code + " ").sha256


def test_layers_are_those_that_ran(gate: CodeGate) -> None:
    assert gate.scan("x = 1").layers == ("text", "codeshield-regex", "syntax")
    assert gate.scan("x = = 1").layers == ("text", "codeshield-regex", "fragments")
    assert "codeshield-semgrep" in gate.scan("eval('1')").layers


def test_code_shield_finds_what_only_it_knows(gate: CodeGate) -> None:
    # Not our `subprocess`, but Code Shield's rule goes by the name of the function.
    verdict = gate.scan("from tools import run\nrun(command, shell=True)")
    assert [finding.rule for finding in verdict.findings] == ["codeshield.insecure-subprocess-using-shell"]
    assert verdict.decision == "block"


def test_a_comment_cannot_switch_the_scanner_off(gate: CodeGate) -> None:
    verdict = gate.scan("from tools import run\nrun(command, shell=True)  # nosemgrep")
    assert {finding.rule for finding in verdict.findings} == {
        "codeshield.insecure-subprocess-using-shell",
        "suppression.comment",
    }


def test_second_scan_comes_from_the_cache(gate: CodeGate) -> None:
    code = "eval('cached')"
    first, second = gate.scan(code), gate.scan(code)
    assert (second.findings, second.layers, second.seconds) == (first.findings, first.layers, 0.0)


def test_names_are_carried_from_cell_to_cell(gate: CodeGate) -> None:
    assert gate.scan("import os as calm\nword = 'sys' + 'tem'", session="s").decision == "allow"
    assert gate.scan("calm.listdir('.')", session="s").decision == "allow"
    assert gate.scan("calm.system('ls')", session="s").findings[0].rule == "process.shell"
    assert gate.scan("getattr(calm, word)('ls')", session="s").findings[0].rule == "process.shell"
    assert gate.scan("calm.system", session="other").decision == "allow"


def test_a_cell_that_did_not_run_cannot_hide_a_name(gate: CodeGate) -> None:
    gate.scan("import os as o", session="hide")
    gate.scan("1 / 0\no = 1", session="hide")
    assert gate.scan("o.popen('ls')", session="hide").decision == "block"


def test_a_long_session_takes_no_longer_with_every_cell(gate: CodeGate) -> None:
    for number in range(200):
        assert gate.scan(f"x = {number}\ny = x * 'a'", session="long").decision == "allow"
    assert gate.scan("import os as x", session="long").decision == "allow"
    assert gate.scan("print(x.environ)", session="long").decision == "block"


def test_a_number_of_another_cell_is_no_certainty(gate: CodeGate) -> None:
    gate.scan("n = 10 ** 12\nprint(n)", session="numbers")
    gate.scan("n = 5", session="numbers")
    assert gate.scan("rows = [0] * n", session="numbers").decision == "allow"


def test_forget_drops_a_session(gate: CodeGate) -> None:
    gate.scan("import os as q", session="gone")
    gate.forget("gone")
    assert gate.scan("q.environ", session="gone").decision == "allow"


def test_scan_works_inside_a_running_loop(gate: CodeGate) -> None:
    async def both() -> tuple[str, str]:
        return gate.scan("x = 1").decision, (await gate.ascan("eval('async')")).decision

    assert asyncio.run(both()) == ("allow", "block")


def test_strict_policy_blocks_warnings() -> None:
    with_policy = CodeGate(policy="strict", time_limit=60)
    assert with_policy.scan("import hashlib\nhashlib.md5(b'')").decision == "block"
    assert with_policy.scan("import hashlib\nhashlib.sha256(b'')").decision == "allow"


def test_policy_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('max_bytes = 50\n[decisions]\ncrypto = "allow"\n"dynamic.eval" = "warn"\n')
    gate = CodeGate(policy=Policy.from_toml(path), time_limit=60)
    assert gate.scan("hashlib.md5(b'')").decision == "allow"
    assert gate.scan("eval(x)").decision == "warn"
    assert gate.scan("x = 1\n" * 20).findings[0].rule == "gate.size"


@pytest.mark.parametrize(
    "text",
    [
        '[decisions]\n"nothing" = "warn"',
        '[decisions]\n"gate" = "allow"',
        '[decisions]\n"crypto" = "no"',
        "max = 1",
        "max_bytes = 0",
        "max_bytes = 'many'",
        "base = 'lax'",
        "decisions = 1",
    ],
)
def test_bad_policy_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="policy"):
        Policy.from_toml(path)


def test_a_policy_may_build_on_a_named_one(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('base = "strict"\n[decisions]\nsql = "allow"\n"crypto.random" = "warn"\n')
    gate = CodeGate(policy=Policy.from_toml(path), time_limit=60)
    assert gate.scan("hashlib.md5(b'')").decision == "block"
    assert gate.scan("import random\nsession_key = random.random()").decision == "warn"
    assert gate.scan("cur.fetch(f'SELECT {x}')").decision == "allow"


def test_what_only_code_shield_saw_follows_the_policy() -> None:
    code = "from tools import run\nrun(command, shell=True)"
    for key in ("codeshield.insecure-subprocess-using-shell", "codeshield", "process.shell", "process"):
        assert CodeGate(policy=Policy({key: "warn"}), time_limit=60).scan(code).decision == "warn"


def test_every_rule_says_what_to_do() -> None:
    for name, rule in RULES.items():
        assert rule.cwe.startswith("CWE-"), name
        assert rule.message.rstrip("{name}").strip(), name
        assert rule.advice.endswith("."), name
        assert max(len(rule.message), len(rule.advice)) < 90, name


def test_unknown_policy_name() -> None:
    with pytest.raises(ValueError, match="no policy 'lax'"):
        CodeGate(policy="lax")
