"""Asking before a call runs."""

from __future__ import annotations

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from llama3_agent import Agent, NothingToResume, ScriptedLlama, ToolCall
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
