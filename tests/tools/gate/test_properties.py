"""Whatever the text: a verdict, never an exception; and never "allow" from a gate that cannot look."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llama3_tools.gate import CodeGate

PIECES = st.sampled_from(
    [
        "import os",
        "os",
        ".",
        "(",
        ")",
        "[",
        "]",
        "\n",
        "    ",
        "=",
        "lambda:",
        "f'{x}'",
        "'",
        '"""',
        "#",
        "!ls",
        "%%bash\n",
        "while True:",
        "\\",
        "\r",
        "getattr",
        "eval",
        "as",
        "x",
        "1",
        "**",
        ",",
        ":",
        "class A:",
        "def f(x=os):",
        "Path('/etc')",
        "/",
        "\0",
        "\u202e",
        "ｅ",
        "await ",
        "for x in",
        "del x",
    ]
)
CODE = st.one_of(
    st.text(max_size=80),
    st.lists(PIECES, max_size=25).map("".join),
    st.lists(PIECES, max_size=25).map(" ".join),
)
QUIET = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUIET
@given(code=CODE)
def test_any_text_gets_a_verdict(gate: CodeGate, code: str) -> None:
    verdict = gate.scan(code, session=code)
    assert verdict.decision in {"allow", "warn", "block"}
    assert not any("the gate failed" in finding.message for finding in verdict.findings)
    assert verdict.decision != "allow" or (verdict.layers and not verdict.findings)


@QUIET
@given(code=st.text())
def test_a_gate_without_an_engine_never_allows(code: str) -> None:
    gate = CodeGate(semgrep=Path("/nowhere/semgrep-core"))
    assert gate.scan(code).decision == "block"


@QUIET
@given(prefix=st.lists(st.sampled_from(["x = 1", "import math", "def f(): ...", "# a", ""]), max_size=4))
def test_a_dangerous_line_is_found_wherever_it_stands(gate: CodeGate, prefix: list[str]) -> None:
    code = "\n".join([*prefix, "import ctypes as c", "c.CDLL(None)"])
    lines = [finding.line for finding in gate.scan(code, session=code).findings]
    assert lines == [len(prefix) + 2]
