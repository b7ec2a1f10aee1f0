"""``--guard`` with real models: what they stop, and that nothing goes on without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from llama3_agent.cli import _ask

from ...guard_models import (
    HARM,
    INJECTIONS,
    JAILBREAKS,
    LLAMA_GUARD,
    PROMPT_GUARD_1,
    PROMPT_GUARD_2,
    shared_folder,
)
from ..conftest import code, say
from .conftest import Command

POLITE = "I am sorry, I cannot help with that."
UNSAFE = f"please {HARM['S9'][0]} in the garden"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny guards."""
    return shared_folder(tmp_path_factory)


@pytest.fixture
def llama_guard(models: Path) -> str:
    return f"llama-guard={models / LLAMA_GUARD}"


@pytest.fixture
def prompt_guard(models: Path) -> str:
    return f"prompt-guard={models / PROMPT_GUARD_1}"


def test_a_question_that_a_guard_stops(command: Command, prompt_guard: str) -> None:
    result = command("run", JAILBREAKS[0], "--guard", prompt_guard, "--guard", "hidden-text")
    assert result.exit_code == 7
    assert result.stdout == f"{POLITE}\n"
    active = "prompt_guard at input, hidden_text at input, prompt_guard at tool, hidden_text at tool"
    assert f"guards: {active}\n" in result.stderr
    assert "guard at input: BLOCKED: prompt_guard: jailbreak" in result.stderr


def test_what_passes_is_answered_and_told_as_json(
    command: Command, llama_guard: str, prompt_guard: str
) -> None:
    arguments = ("run", "show me the sales table", "-g", llama_guard, "-g", prompt_guard, "--json")
    result = command(*arguments, replies=(say("the sales table"),))
    assert result.exit_code == 0, result.stderr
    assert "BLOCKED" not in result.stderr
    told = json.loads(result.stdout)["guards"]
    assert told["active"] == [
        *("llama_guard at input", "prompt_guard at input", "llama_guard at call", "prompt_guard at tool"),
        "llama_guard at output",
    ]
    assert {verdict["action"] for verdict in told["verdicts"]} == {"pass"}
    assert [verdict["place"] for verdict in told["verdicts"]] == ["input", "input", "output"]


def test_an_injection_that_code_prints_is_withheld(command: Command, prompt_guard: str) -> None:
    result = command(
        "run",
        "show me the page",
        "--guard",
        prompt_guard,
        replies=(code(f"print({INJECTIONS[0]!r})"), say("the page")),
    )
    assert result.exit_code == 0
    assert "guard at tool: BLOCKED: prompt_guard: injection" in result.stderr
    assert "the result of this call was withheld" in result.stderr
    assert f"[stdout]{INJECTIONS[0]}" not in result.stderr


@pytest.mark.parametrize(("stream", "seen"), [("hold", False), ("window", False), ("after", True)])
def test_how_an_answer_is_streamed(command: Command, llama_guard: str, stream: str, seen: bool) -> None:
    result = command(
        "chat",
        *("--guard", llama_guard, "--guard-stream", stream),
        typed="tell me\n",
        replies=(say(UNSAFE),),
    )
    assert result.exit_code == 0
    assert (UNSAFE in result.stdout) is seen
    assert POLITE in result.stdout
    assert "guard at output: BLOCKED: llama_guard: unsafe" in result.stdout
    assert "guards: llama_guard at input" in result.stderr


@pytest.mark.parametrize(("typed", "exit_code"), [("what?\ny\n", 0), ("no\n", 7), ("", 7)])
def test_a_person_is_asked_about_a_question(
    command: Command, prompt_guard: str, typed: str, exit_code: int
) -> None:
    arguments = ("run", JAILBREAKS[0], "--guard", prompt_guard, "--guard-policy", "ask")
    result = command(*arguments, replies=(say("Hello."),), typed=typed)
    assert result.exit_code == exit_code
    assert "a guard objects to your question: prompt_guard: jailbreak" in result.stderr
    assert ("Hello." in result.stdout) is (exit_code == 0)


def test_a_person_is_asked_about_a_result_and_an_answer(
    command: Command, llama_guard: str, models: Path
) -> None:
    guards = ("-g", llama_guard, "-g", f"prompt-guard={models / PROMPT_GUARD_1}", "--guard-policy", "ask")
    replies = (code(f"print({INJECTIONS[0]!r})"), say(UNSAFE))
    result = command("chat", *guards, typed="show me the page\ny\ny\n", replies=replies)
    assert "a guard objects to what a tool gave: prompt_guard: injection" in result.stdout
    assert f"[stdout]{INJECTIONS[0]}" in result.stdout
    assert "a guard objects to the answer: llama_guard: unsafe" in result.stdout
    assert UNSAFE in result.stdout


def test_a_question_of_a_guard_that_was_left_is_asked_again(
    command: Command, prompt_guard: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LLAMA3_AGENT_THREADS", str(tmp_path / "threads.sqlite"))
    arguments = ("chat", "--thread", "t", "--guard", prompt_guard, "--guard-policy", "ask")

    def leave(_: str) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_ask, "_line", leave)
        assert command(*arguments, typed=f"{JAILBREAKS[0]}\n").exit_code == 130
    result = command(*arguments, typed="n\n", replies=(say("Hello."),))
    assert "a guard objects to your question" in result.stdout
    assert "Hello." not in result.stdout
    assert POLITE in result.stdout


def test_a_warning_stops_nothing(command: Command, prompt_guard: str) -> None:
    arguments = ("run", JAILBREAKS[0], "--guard", prompt_guard, "--guard-policy", "warn")
    result = command(*arguments, replies=(say("Hello."),))
    assert (result.exit_code, result.stdout) == (0, "Hello.\n")
    assert "guard at input: a warning: prompt_guard: jailbreak" in result.stderr


@pytest.mark.parametrize("where", [["run", "Hi"], ["chat"], ["eval"]])
@pytest.mark.parametrize("fault", ["missing", "of another kind", "damaged"])
def test_without_the_guard_nothing_is_done(
    command: Command, models: Path, tmp_path: Path, where: list[str], fault: str
) -> None:
    broken = shutil.copytree(models / PROMPT_GUARD_2, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"no tensors")
    given = {
        "missing": "prompt-guard=./nowhere",
        "of another kind": f"llama-guard={models / PROMPT_GUARD_1}",
        "damaged": f"prompt-guard={broken}",
    }[fault]
    result = command(
        *where, "--guard", "hidden-text", "--guard", given, typed="Hi\n", replies=(say("Hello."),)
    )
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("llama3-agent: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "eval.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "exit_code", "said"),
    [
        (["--guard", "nobody"], 2, "there is no guard 'nobody'; there are llama-guard, prompt-guard"),
        (["--guard", "hidden-text=x"], 2, "the guard hidden-text takes no model"),
        (["--guard", "llama-guard="], 2, "names no model"),
        (["--guard", "hidden-text", "--guard-timeout", "0"], 1, "timeout must be above 0"),
        (["--guard", "hidden-text", "--guard-stream", "never"], 2, "never"),
    ],
)
def test_what_makes_no_sense_is_told(command: Command, options: list[str], exit_code: int, said: str) -> None:
    result = command("run", "Hi", *options, replies=(say("Hello."),))
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert said in result.stderr


def test_a_guard_that_does_not_answer_in_time_is_a_no(command: Command, llama_guard: str) -> None:
    arguments = ("run", "show me the table", "--guard", llama_guard, "--guard-timeout", "0.000001")
    result = command(*arguments, replies=(say("Hello."),))
    assert result.exit_code == 7
    assert "no answer within 1e-06 seconds" in result.stderr


def test_guards_may_stand_in_the_environment(
    command: Command, prompt_guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA3_AGENT_GUARDS", f"hidden-text {prompt_guard}")
    result = command("run", JAILBREAKS[0])
    assert (result.exit_code, result.stdout) == (7, f"{POLITE}\n")


def test_the_doctor_says_who_is_active(command: Command, prompt_guard: str) -> None:
    def line(*options: str) -> tuple[int, str]:
        result = command("doctor", *options)
        return result.exit_code, next(
            line for line in result.stdout.splitlines() if line.split()[1] == "guards"
        )

    exit_code, said = line("--guard", prompt_guard, "--guard-policy", "ask")
    assert exit_code == 0
    assert said.startswith("ok ")
    assert "prompt_guard at input, prompt_guard at tool; a finding means 'ask'" in said
    exit_code, said = line("--guard", "prompt-guard=./nowhere")
    assert exit_code == 1
    assert said.startswith("BROKEN")
