"""Tools that take code, behind the gate."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from langchain_core.tools import StructuredTool, tool

from llama3_tools.gate import CodeBlocked, CodeGate

GOOD, BAD = "print(1)", "import os\nos.system('ls')"


def test_a_function_runs_what_passes_and_nothing_else(gate: CodeGate, tmp_path: Path) -> None:
    def execute(name: str, code: str = BAD) -> str:
        """Runs code."""
        (tmp_path / name).write_text(code)
        return "ran"

    guarded = gate.guard(execute)
    assert guarded("a", GOOD) == guarded("b", code=GOOD) == "ran"
    for call in (lambda: guarded("c", BAD), lambda: guarded("c", code=BAD), lambda: guarded("c")):
        with pytest.raises(CodeBlocked, match=r"line 2: os\.system runs a shell command") as caught:
            call()
        assert caught.value.verdict.decision == "block"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (guarded.__name__, guarded.__doc__) == ("execute", "Runs code.")


def test_a_coroutine_function(gate: CodeGate) -> None:
    async def execute(code: str) -> str:
        return code

    guarded = gate.guard(execute)
    assert asyncio.run(guarded(GOOD)) == GOOD
    with pytest.raises(CodeBlocked):
        asyncio.run(guarded(BAD))


def test_a_langchain_tool(gate: CodeGate) -> None:
    @tool
    def run_cell(source: str, timeout: int = 3) -> str:
        """Runs a cell."""
        return f"{source} {timeout}"

    guarded = gate.guard(run_cell, "source")
    assert guarded.invoke({"source": GOOD, "timeout": 5}) == f"{GOOD} 5"
    assert guarded.args == run_cell.args
    with pytest.raises(CodeBlocked):
        guarded.invoke({"source": BAD})
    with pytest.raises(CodeBlocked):
        asyncio.run(guarded.ainvoke({"source": BAD}))


def test_a_tool_of_another_server(gate: CodeGate) -> None:
    # MCP adapters give a JSON schema and a coroutine only.
    async def call(**arguments: str) -> str:
        return f"sent {arguments}"

    schema = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
    remote = StructuredTool(name="remote", description="Runs code.", args_schema=schema, coroutine=call)
    guarded = gate.guard(remote)
    assert "sent" in asyncio.run(guarded.ainvoke({"code": GOOD}))
    with pytest.raises(CodeBlocked):
        asyncio.run(guarded.ainvoke({"code": BAD}))


def test_names_are_carried_from_call_to_call(gate: CodeGate) -> None:
    def cell(code: str) -> str:
        return code

    guarded = gate.guard(cell)
    guarded("import os as o")
    with pytest.raises(CodeBlocked):
        guarded("o.system('ls')")


def test_code_that_is_no_text_does_not_run(gate: CodeGate) -> None:
    def execute(code: object) -> object:
        return code

    with pytest.raises(CodeBlocked):
        gate.guard(execute)(["import os"])


def test_a_tool_without_the_argument_cannot_be_guarded(gate: CodeGate) -> None:
    def execute(program: str) -> str:
        return program

    with pytest.raises(ValueError, match="no argument 'code'"):
        gate.guard(execute)
    with pytest.raises(ValueError, match="no argument 'code'"):
        gate.guard(StructuredTool.from_function(execute, description="x"))
