"""Where the command line keeps threads: a file or a database, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...postgres_server import ServerMissingError, running
from ..conftest import say
from .conftest import Command


def goes_on(command: Command, store: str) -> None:
    """Two programs, and the second knows what the first was told."""
    command("chat", "-t", "mine", "--store", store, typed="I am Ada.\n", replies=(say("Hello, Ada."),))
    result = command("chat", "-t", "mine", "--store", store, typed="Hm.\n", replies=(say("Yes, Ada?"),))
    assert "thread mine: 2 messages so far" in result.stdout
    assert "Yes, Ada?" in result.stdout


def test_in_a_file(command: Command, tmp_path: Path) -> None:
    goes_on(command, str(tmp_path / "state" / "threads"))
    assert (tmp_path / "state" / "threads").stat().st_mode & 0o777 == 0o600


def test_in_a_database(command: Command) -> None:
    try:
        with running() as url:
            goes_on(command, url)
    except ServerMissingError as error:
        pytest.skip(str(error))


def test_a_database_out_of_reach_is_one_line(command: Command, tmp_path: Path) -> None:
    store = f"postgresql://agent@/postgres?host={tmp_path}"
    result = command("chat", "-t", "mine", "--store", store)
    assert result.exit_code == 1
    assert result.stderr.startswith("llama3-agent: ")
    assert result.stderr.count("\n") == 1


def test_a_file_of_another_kind_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("Bread needs flour, water, salt and yeast." * 30)
    result = command("chat", "-t", "mine", "--store", str(tmp_path / "notes"))
    assert result.exit_code == 1
    assert result.stderr == "llama3-agent: file is not a database\n"
    assert (tmp_path / "notes").read_text().startswith("Bread")
