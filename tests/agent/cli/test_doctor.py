"""`llama3-agent doctor`."""

from __future__ import annotations

import pytest

from llama3_agent.cli import _doctor
from llama3_agent.engine import ModelNotFound
from llama3_tools import SandboxUnavailable

from .conftest import Command


def test_a_machine_where_everything_works(command: Command) -> None:
    result = command("doctor")
    assert result.exit_code == 0, result.stdout
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == [
        "model",
        "gate",
        "sandbox",
        "gpu",
        "grammar",
        "guards",
        "search",
        "wolfram",
        "e2b",
    ]
    assert all(line.startswith("ok ") for line in lines[:3])
    assert "BRAVE_API_KEY is not set; export it" in result.stdout
    assert "none is active unless an agent is given some" in result.stdout
    assert lines[-1] == "everything needed works"


def test_what_is_broken_is_named_and_counted(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sandbox() -> None:
        raise SandboxUnavailable("no user namespaces; run `sysctl ...`")

    monkeypatch.setattr(_doctor, "LocalSandbox", no_sandbox)
    result = command("doctor")
    assert result.exit_code == 1
    assert "BROKEN    sandbox    no user namespaces; run `sysctl ...`" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 broken")


def test_a_missing_model_is_broken(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(model: str) -> None:
        raise ModelNotFound(f"there is no model {model!r}")

    result = command("--help")
    monkeypatch.setattr(_doctor, "load_engine", load)
    finding = _doctor._try("model", lambda: _doctor._model("nope"))
    assert result.exit_code == 0
    assert (finding.status, finding.detail) == ("broken", "there is no model 'nope'")


def test_keys_are_reported_but_never_shown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "very-secret")
    result = command("doctor")
    assert "BRAVE_API_KEY is set" in result.stdout
    assert "very-secret" not in result.stdout
