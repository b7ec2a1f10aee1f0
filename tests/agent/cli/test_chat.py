"""`llama3-agent chat`, typed to through standard input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..conftest import code, say
from .conftest import Command

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()"


def test_a_conversation(command: Command, tmp_path: Path) -> None:
    result = command(
        "chat",
        typed="Set x.\nWhat is x?\n",
        replies=(code("x = 42"), say("Set."), code("x"), say("It is 42.")),
    )
    assert result.exit_code == 0
    shown = result.stdout
    positions = [
        shown.index(part) for part in ("x = 42", "gate: passed", "Set.", "[stdout]42[/stdout]", "It is 42.")
    ]
    assert positions == sorted(positions)
    assert list(tmp_path.iterdir()) == []


def test_plots_are_saved_and_numbered_on(command: Command, tmp_path: Path) -> None:
    result = command(
        "chat", typed="Plot.\nAgain.\n", replies=(code(PLOT), say("a"), code(PLOT + "\n1"), say("b"))
    )
    assert "saved plot-1.png" in result.stdout
    assert "saved plot-2.png" in result.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot-1.png", "plot-2.png"]


def test_files_can_be_attached_before_and_during(command: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("20")
    (tmp_path / "b c.txt").write_text("22")
    read = "int(open('a.txt').read()) + int(open('b c.txt').read())"
    result = command(
        "chat",
        "--file",
        "a.txt",
        typed="Hi\n/attach 'b c.txt'\nAdd.\n/files\n",
        replies=(say("hello"), code(read), say("42")),
    )
    assert "with the next question: b c.txt" in result.stdout
    assert "[stdout]42[/stdout]" in result.stdout
    assert "attached: a.txt, b c.txt" in result.stdout


def test_the_second_question_computes_little(command: Command) -> None:
    result = command("chat", typed="Hi\n/usage\nHi again\n/usage\n", replies=(say("a"), say("b")))
    first, second = re.findall(r"cached ([\d,]+), computed ([\d,]+)", result.stdout)
    assert first[0] == "0"
    assert int(second[0]) > 100
    assert int(second[1]) - int(first[1]) < 100


def test_reset_forgets(command: Command) -> None:
    result = command(
        "chat", typed="Set.\n/reset\nGet.\n", replies=(code("x = 1"), say("set"), code("x"), say("gone"))
    )
    assert "a new conversation" in result.stdout
    assert "NameError" in result.stdout


def test_help_quit_and_unknown_commands(command: Command) -> None:
    result = command("chat", typed="/help\n/nonsense\n\n/quit\nnever asked\n")
    assert result.exit_code == 0
    assert "/attach FILE" in result.stdout
    assert "there is no command /nonsense" in result.stdout
    assert "never asked" not in result.stdout


def test_mistakes_do_not_end_the_chat(command: Command) -> None:
    typed = "/attach none.csv\n/attach 'open\n/attach\nHi\n"
    result = command("chat", typed=typed, replies=(say("Still here."),))
    assert result.exit_code == 0
    assert "error: no such file: 'none.csv'" in result.stdout
    assert "close the quote" in result.stdout
    assert "Still here." in result.stdout


def test_control_sequences_do_not_reach_the_terminal(command: Command) -> None:
    result = command(
        "chat", typed="Go.\n", replies=(code("print('\\x1b[2J\\x1b]0;evil\\x07')"), say("\x1b[31mred\x1b[0m"))
    )
    assert "\x1b" not in result.stdout
    assert "red" in result.stdout


def test_a_thread_with_a_name_goes_on(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA3_AGENT_THREADS", str(tmp_path / "state" / "threads.sqlite"))
    command("chat", "--thread", "mine", typed="I am Ada.\n", replies=(say("Hello, Ada."),))
    seen: list[str] = []

    def remember(prompt: str) -> str:
        seen.append(prompt)
        return say("You are Ada.")

    result = command("chat", "--thread", "mine", typed="Who am I?\n", replies=(remember,))
    assert "thread mine: 2 messages so far" in result.stdout
    assert "You are Ada." in result.stdout
    assert "Hello, Ada." in seen[0]
    assert (tmp_path / "state" / "threads.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_thread_that_was_cut_off_goes_on_by_itself(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA3_AGENT_THREADS", str(tmp_path / "threads.sqlite"))

    def fall_over(_: str) -> str:
        raise RuntimeError("the engine broke")

    assert command("chat", "-t", "mine", typed="Hello?\n", replies=(fall_over,)).exit_code == 1
    result = command("chat", "-t", "mine", replies=(say("Here I am."),))
    assert "going on with what was cut off" in result.stdout
    assert "Here I am." in result.stdout


def test_calls_wait_for_a_yes(command: Command) -> None:
    result = command("chat", "--ask", typed="Go.\ny\n", replies=(code("6 * 7"), say("It is 42.")))
    assert "waits for your decision" in result.stdout
    assert result.stdout.count("gate: passed") == 2
    assert "[stdout]42[/stdout]" in result.stdout


def test_a_no_comes_with_a_reason(command: Command) -> None:
    result = command("chat", "--ask", typed="Go.\nn\ntoo big\n", replies=(code("6 * 7"), say("Well.")))
    assert "the user refused this call: too big" in result.stdout


def test_code_can_be_edited_before_it_runs(command: Command) -> None:
    result = command(
        "chat", "--ask", typed="Go.\ne\nx = 40\nx + 8\n.\n", replies=(code("6 * 7"), say("It is 48."))
    )
    assert "[stdout]48[/stdout]" in result.stdout
    assert "[user]changed this call before it was run" in result.stdout


def test_a_decision_outlives_the_program(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA3_AGENT_THREADS", str(tmp_path / "threads.sqlite"))
    monkeypatch.setattr("llama3_agent.cli._ask.input", stop, raising=False)
    command("chat", "--ask", "-t", "mine", typed="Go.\n", replies=(code("6 * 7"),))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLAMA3_AGENT_THREADS", str(tmp_path / "threads.sqlite"))
    result = command("chat", "--ask", "-t", "mine", typed="y\n", replies=(say("It is 42."),))
    assert "6 * 7" in result.stdout
    assert "[stdout]42[/stdout]" in result.stdout


def stop(_: str) -> str:
    """Ctrl-C at the question."""
    raise KeyboardInterrupt
