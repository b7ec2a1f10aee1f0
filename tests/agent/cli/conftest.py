"""The command line with a scripted model in place of the one that --model names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from llama3_agent import ScriptedLlama
from llama3_agent.cli import _doctor, _setup
from llama3_agent.cli._app import app

Command = Callable[..., Result]
KEYS = ("BRAVE_API_KEY", "WOLFRAM_ALPHA_APP_ID", "E2B_API_KEY")


@pytest.fixture
def command(tokenizer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command line in an empty folder: arguments, the model's replies, lines typed."""
    monkeypatch.chdir(tmp_path)
    for key in (*KEYS, "LLAMA3_AGENT_MODEL", "LLAMA3_AGENT_GUARDS"):
        monkeypatch.delenv(key, raising=False)

    def call(*arguments: str, replies: tuple[object, ...] = (), typed: str = "") -> Result:
        def load(_: str) -> ScriptedLlama:
            return ScriptedLlama(tokenizer, replies, context_length=32_768)  # type: ignore[arg-type]

        monkeypatch.setattr(_setup, "load_engine", load)
        monkeypatch.setattr(_doctor, "load_engine", load)
        return CliRunner().invoke(app, arguments, input=typed)

    return call
