"""Asking before a call runs."""

from __future__ import annotations

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from llama3_agent import Agent, ConfigurationError, NothingToResume, ScriptedLlama, ToolCall
from llama3_tools import CodeGate

from .conftest import MakeAgent, code, say


def test_a_callback_sees_each_call_and_decides(make_agent: MakeAgent) -> None:
    seen: list[ToolCall] = []

    def decide(call: ToolCall) -> bool | str:
        seen.append(call)
        return True if len(seen) > 1 else "use the number 2"

    run = make_agent(code("1"), code("2"), say("two"), approve=decide).run("Go.")
    assert [call.args for call in seen] == [{"code": "1"}, {"code": "2"}]
    contents = [str(message.content) for message in run.messages if message.type == "tool"]
    assert contents == [
        "failed\n[stderr]the user refused this call: use the number 2[/stderr]",
        "completed\n[stdout]2[/stdout]",
    ]


def test_blocked_code_is_never_offered(make_agent: MakeAgent) -> None:
    def decide(_: ToolCall) -> bool:
        raise AssertionError("asked about blocked code")

    insecure = "import pickle\npickle.loads(b'')"
    assert make_agent(code(insecure), say("ok"), approve=decide).run("Go.").output == "ok"


def test_ask_waits_until_resumed(make_agent: MakeAgent) -> None:
    agent = make_agent(code("6 * 7"), say("42"), approve="ask")
    run = agent.run("Go.", thread="t")
    assert run.finish_reason == "interrupted"
    assert "wait for approval" in str(run.error)
    assert agent.resume(True, thread="t").output == "42"
    with pytest.raises(NothingToResume):
        agent.resume(True, thread="t")


@pytest.mark.parametrize(
    ("answer", "said"), [(False, "ask what to do instead"), ("too risky", "too risky"), ({}, "")]
)
def test_a_refusal_reaches_the_model(make_agent: MakeAgent, answer: object, said: str) -> None:
    agent = make_agent(code("6 * 7"), say("sorry"), approve="ask")
    waiting = agent.run("Go.")
    run = agent.resume(answer, thread=waiting.thread)  # type: ignore[arg-type]
    assert run.output == "sorry"
    assert said in str(run.messages[-2].content)


def test_a_new_question_settles_waiting_calls(make_agent: MakeAgent) -> None:
    agent = make_agent(code("6 * 7"), say("new"), approve="ask")
    agent.run("Go.", thread="t")
    run = agent.run("Never mind.", thread="t")
    assert run.output == "new"
    assert "not run" in str(run.messages[-3].content)


def test_approval_in_another_process(tokenizer: object, gate: CodeGate) -> None:
    saver = InMemorySaver()
    first = Agent(ScriptedLlama(tokenizer, [code("6 * 7")]), gate=gate, approve="ask", checkpointer=saver)
    with first:
        first.run("Go.", thread="t")
    second = Agent(ScriptedLlama(tokenizer, [say("42")]), gate=gate, approve="ask", checkpointer=saver)
    with second:
        run = second.resume(True, thread="t")
    assert run.messages[-2].content == "completed\n[stdout]42[/stdout]"


def delete(name: str) -> str:
    """Delete a file.

    Args:
        name: Which.
    """
    return f"deleted {name}"


def get_name() -> str:
    """Get the name."""
    return "a.txt"


BOTH = '{"name": "get_name", "parameters": {}}; {"name": "delete", "parameters": {"name": "a.txt"}}<|eot_id|>'


def test_a_policy_decides_tool_by_tool(make_agent: MakeAgent) -> None:
    policy = {"get_*": "allow", "delete": "ask"}
    agent = make_agent(BOTH, say("ok"), tools=[get_name, delete], sandbox=None, approve=policy)
    waiting = agent.run("Go.", thread="t")
    assert [call.name for call in waiting.waiting] == ["delete"]
    run = agent.resume({waiting.waiting[0].id: True}, thread="t")
    assert [message.content for message in run.messages if message.type == "tool"] == [
        "a.txt",
        "deleted a.txt",
    ]


def test_a_policy_refuses_and_lets_functions_decide(make_agent: MakeAgent) -> None:
    policy = {"delete": "refuse", "*": lambda call: call.name == "get_name"}
    run = make_agent(BOTH, say("ok"), tools=[get_name, delete], sandbox=None, approve=policy).run("Go.")
    first, second = [str(message.content) for message in run.messages if message.type == "tool"]
    assert first == "a.txt"
    assert second.startswith("error: the user refused this call: this tool may not be used here")


def test_what_no_pattern_fits_runs(make_agent: MakeAgent) -> None:
    agent = make_agent(BOTH, say("ok"), tools=[get_name, delete], sandbox=None, approve={"x*": "ask"})
    assert agent.run("Go.").messages[-2].content == "deleted a.txt"


def test_a_policy_that_is_none_is_refused(make_agent: MakeAgent) -> None:
    with pytest.raises(ConfigurationError, match="'maybe' for 'delete' is no decision"):
        make_agent(approve={"delete": "maybe"})


def test_arguments_can_be_changed_and_the_model_is_told(make_agent: MakeAgent) -> None:
    agent = make_agent(BOTH, say("ok"), tools=[get_name, delete], sandbox=None, approve={"delete": "ask"})
    waiting = agent.run("Go.", thread="t").waiting
    run = agent.resume({waiting[0].id: {"name": "b.txt"}}, thread="t")
    assert run.messages[-2].content == (
        'deleted b.txt\n[user]changed this call before it was run, to:\n{"name": "b.txt"}[/user]'
    )
    assert "a.txt" in str(run.messages[2].tool_calls[1])  # type: ignore[attr-defined]


def test_changed_code_passes_the_gate_again(make_agent: MakeAgent) -> None:
    agent = make_agent(code("6 * 7"), say("ok"), code("1"), say("ok"), approve="ask")
    waiting = agent.run("Go.", thread="t")
    assert waiting.verdicts[waiting.waiting[0].id].decision == "allow"
    run = agent.resume({"call_1": {"code": "6 * 8"}}, thread="t")
    assert str(run.messages[-2].content).startswith("completed\n[stdout]48[/stdout]")
    assert agent.run("Again.", thread="t").waiting
    run = agent.resume({"call_2": {"code": "import pickle\npickle.loads(b'')"}}, thread="t")
    assert str(run.messages[-2].content).startswith("blocked\n[gate]")
