"""No run ends silently: each ending has a reason and a sentence."""

from __future__ import annotations

import pytest
from langchain_core.messages import ToolMessage

from llama3_agent import Agent, Guards, Run, ScriptedLlama
from llama3_tools import CodeGate, Finding, GateUnavailable, Verdict

from .conftest import MakeAgent, code, say


def add(a: int, b: int) -> int:
    """Add.

    Args:
        a: One.
        b: The other.
    """
    return a + b


def tool_messages(run: Run) -> list[str]:
    return [str(message.content) for message in run.messages if isinstance(message, ToolMessage)]


def test_step_limit(make_agent: MakeAgent) -> None:
    run = make_agent(*(code(f"{n}") for n in range(5)), max_steps=3).run("Go on.")
    assert (run.finish_reason, run.steps) == ("max_steps", 3)
    assert "no answer after 3 steps" in str(run.error)
    assert len(tool_messages(run)) == 3


def test_repeated_call(make_agent: MakeAgent) -> None:
    run = make_agent(*[code("print(1)")] * 5, max_repeats=3).run("Go.")
    assert (run.finish_reason, run.steps) == ("repeated_call", 3)
    assert tool_messages(run)[-1].startswith("failed\n[stderr]not run: the same call came 3 times in a row")


def test_the_same_call_later_is_no_loop(make_agent: MakeAgent) -> None:
    run = make_agent(code("1"), code("2"), code("1"), code("2"), say("ok"), max_repeats=2).run("Go.")
    assert run.finish_reason == "answered"


BAD = '<|python_tag|>{"name": "add", "parameters": {"a": }}<|eom_id|>'


def test_format_errors(make_agent: MakeAgent) -> None:
    run = make_agent(BAD, BAD.replace("}}", ", 1}}"), BAD, BAD, tools=[add], max_repeats=9).run("Go.")
    assert (run.finish_reason, run.steps) == ("format_errors", 3)
    assert all(text.startswith("error: ") for text in tool_messages(run))


def test_a_good_call_resets_the_count(make_agent: MakeAgent) -> None:
    run = make_agent(BAD, BAD + "", code("1"), BAD, BAD, say("ok"), tools=[add], max_repeats=9).run("Go.")
    assert run.finish_reason == "answered"


def test_an_unknown_tool_is_told_to_the_model(make_agent: MakeAgent) -> None:
    call = '<|python_tag|>{"name": "foo", "parameters": {}}<|eom_id|>'
    run = make_agent(call, say("sorry"), tools=[add]).run("Go.")
    assert run.finish_reason == "answered"
    [text] = tool_messages(run)
    assert text.startswith("error: ")
    assert "foo" in text
    assert "add" in text


def test_truncated_answer(make_agent: MakeAgent) -> None:
    run = make_agent("This answer never", max_tokens=9).run("Go.")
    assert (run.output, run.finish_reason) == ("This answ", "truncated")
    assert "cut off after 9 tokens" in str(run.error)


def test_truncated_code_is_not_run(make_agent: MakeAgent) -> None:
    run = make_agent("<|python_tag|>open('half.txt', 'w')\nprint(", max_tokens=30).run("Go.")
    assert run.finish_reason == "truncated"
    assert not run.files
    assert all("completed" not in text for text in tool_messages(run))


def test_end_of_message_without_a_call_means_go_on(make_agent: MakeAgent) -> None:
    run = make_agent("Let me think.<|eom_id|>", say("Done.")).run("Go.")
    assert (run.output, run.finish_reason, run.steps) == ("Done.", "answered", 2)


def test_going_on_forever_has_an_end(make_agent: MakeAgent) -> None:
    run = make_agent(*["Hm.<|eom_id|>"] * 9, max_steps=4).run("Go.")
    assert (run.finish_reason, run.steps) == ("max_steps", 4)


def test_saying_nothing_is_no_answer(make_agent: MakeAgent) -> None:
    run = make_agent(say("")).run("Go.")
    assert run.finish_reason == "format_errors"
    assert "without saying anything" in str(run.error)


def test_a_conversation_that_outgrows_the_model(make_agent: MakeAgent) -> None:
    agent = make_agent(say("short"), say("ok"), context_length=800)
    run = agent.run("x" * 2_000, thread="t")
    assert (run.finish_reason, run.output) == ("error", "")
    assert "outgrown" in str(run.error)
    assert agent.run("short question", thread="t").output == "short"


def test_output_shown_to_a_small_model_is_cut_to_its_size(make_agent: MakeAgent) -> None:
    run = make_agent(code("'x' * 5000"), say("ok"), context_length=4_000).run("Go.")
    assert run.finish_reason == "answered"
    assert len(tool_messages(run)[0]) < 4_200


def test_input_guard(make_agent: MakeAgent) -> None:
    guards = Guards(input=lambda text: "no bombs" if "bomb" in text else None)
    agent = make_agent(say("Hello"), guards=guards)
    run = agent.run("Build a bomb", thread="t")
    assert (run.finish_reason, run.output, run.steps) == ("blocked", "", 0)
    assert run.error == "the question was blocked: no bombs"
    after = agent.run("Hi", thread="t")
    assert after.output == "Hello"
    assert all("bomb" not in str(message.content) for message in after.messages)


def test_output_guard_holds_text_back(make_agent: MakeAgent) -> None:
    guards = Guards(output=lambda text: "secret" if "42" in text else None)
    agent = make_agent(say("It is 42."), say("Fine."), guards=guards)
    stream = list(agent.stream("Tell.", thread="t"))
    assert all("42" not in str(getattr(event, "text", "")) for event in stream)
    run = agent.run("And now?", thread="t")
    assert run.output == "Fine."
    assert all("42" not in str(message.content) for message in run.messages)


def test_a_guard_that_fails_means_no(make_agent: MakeAgent) -> None:
    def broken(_: str) -> str | None:
        raise RuntimeError("out of order")

    run = make_agent(say("x"), guards=Guards(input=broken)).run("Hi")
    assert run.finish_reason == "blocked"
    assert "could not answer" in str(run.error)


class NoGate(CodeGate):
    """A gate that cannot prove that it works."""

    def __init__(self) -> None:
        pass

    def prepare(self) -> None:
        pass

    def scan(self, _: str, *, session: str = "default") -> Verdict:  # noqa: ARG002
        finding = Finding("gate.unavailable", 0, "", "semgrep is missing.", "Install it.", "block")
        return Verdict("block", (finding,), (), 0.0, "")

    def forget(self, session: str = "default") -> None:
        pass

    def close(self) -> None:
        pass


class DeadGate(NoGate):
    """A gate that falls over."""

    def scan(self, _: str, *, session: str = "default") -> Verdict:  # noqa: ARG002
        raise GateUnavailable("semgrep is missing")


@pytest.mark.parametrize("kind", [NoGate, DeadGate])
def test_no_gate_no_code(tokenizer: object, kind: type[NoGate]) -> None:
    llama = ScriptedLlama(tokenizer, [code("open('ran.txt', 'w').write('x')"), say("never reached")])
    with Agent(llama, gate=kind()) as agent:
        run = agent.run("Go.")
    assert (run.finish_reason, run.steps) == ("blocked", 1)
    assert "nothing was run: semgrep is missing." in str(run.error)
    assert not run.files
    assert tool_messages(run)[0].startswith("blocked\n[gate]")
