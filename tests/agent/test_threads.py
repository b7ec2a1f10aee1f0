"""Conversations: continued, apart from each other, forgotten."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from llama3_agent import Agent, ConfigurationError, ScriptedLlama, ThreadBusy
from llama3_tools import CodeGate

from .conftest import MakeAgent, code, say


def test_a_thread_continues_with_its_variables_and_files(make_agent: MakeAgent, tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("20")
    agent = make_agent(code("x = 22"), say("a"), code("x + int(open('n.txt').read())"), say("b"))
    agent.run("Set.", [tmp_path / "n.txt"], thread="t")
    run = agent.run("Add.", thread="t")
    assert run.messages[-2].content == "completed\n[stdout]42[/stdout]"
    assert [str(message.content) for message in run.messages if isinstance(message, HumanMessage)] == [
        "Attached: n.txt\n\nSet.",
        "Add.",
    ]
    assert not run.files


def test_the_second_question_computes_only_what_is_new(make_agent: MakeAgent) -> None:
    agent = make_agent(say("first"), say("second"))
    first = agent.run("One?", thread="t").usage
    second = agent.run("Two?", thread="t").usage
    # The last token of an answer has never been fed to the model, so it is computed with the next question.
    assert second.cached_tokens == first.prompt_tokens + first.generated_tokens - 1
    assert second.computed_tokens < first.computed_tokens / 3


def test_threads_do_not_see_each_other(make_agent: MakeAgent) -> None:
    agent = make_agent(code("x = 1"), say("a"), code("x"), say("b"))
    agent.run("Set.", thread="one")
    run = agent.run("Get.", thread="two")
    assert "NameError" in str(run.messages[-2].content)


def test_without_a_thread_nothing_is_kept(make_agent: MakeAgent) -> None:
    agent = make_agent(code("x = 1"), say("a"), code("x"), say("b"))
    first, second = agent.run("Set."), agent.run("Get.")
    assert "NameError" in str(second.messages[-2].content)
    assert first.thread != second.thread
    assert agent.llama.stats().sessions == 0
    assert not agent._sessions._sessions


def test_forget(make_agent: MakeAgent) -> None:
    agent = make_agent(code("x = 1"), say("a"), say("b"))
    agent.run("Set.", thread="t")
    agent.forget("t")
    assert len(agent.run("Hi", thread="t").messages) == 3


def test_a_checkpointer_carries_a_thread_to_another_agent(tokenizer: object, gate: CodeGate) -> None:
    saver = InMemorySaver()
    with Agent(ScriptedLlama(tokenizer, [code("1"), say("one")]), gate=gate, checkpointer=saver) as agent:
        before = agent.run("First?", thread="t")
    llama = ScriptedLlama(tokenizer, [say("two")])
    with Agent(llama, gate=gate, checkpointer=saver) as agent:
        after = agent.run("Second?", thread="t")
    assert [m.content for m in after.messages[: len(before.messages)]] == [m.content for m in before.messages]
    assert after.output == "two"


class _Failing(InMemorySaver):
    """Cannot write the state down any more, after so many more times."""

    left = 1_000_000

    def put(self, *args: object, **options: object) -> object:
        self.left -= 1
        if self.left < 0:
            raise OSError("no space left on device")
        return super().put(*args, **options)  # type: ignore[arg-type]


def test_a_question_that_was_cut_off_at_once_is_not_taken_for_the_one_before(
    tokenizer: object, gate: CodeGate
) -> None:
    saver = _Failing()
    llama = ScriptedLlama(tokenizer, [say("One."), say("Two."), say("Two.")])
    with Agent(llama, gate=gate, checkpointer=saver) as agent:
        agent.run("First?", thread="t")
        saver.left = 1
        with pytest.raises(OSError, match="no space"):
            agent.run("Second?", thread="t")
        saver.left = 1_000_000
    with Agent(llama, gate=gate, checkpointer=saver) as agent:
        assert (last := agent.last("t"))
        assert last.finish_reason == "interrupted"
        assert agent.resume(thread="t").output == "Two."


def test_a_busy_thread_says_so(make_agent: MakeAgent) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow(_: str) -> str:
        started.set()
        go_on.wait(10)
        return say("done")

    agent = make_agent(slow, say("next"))
    stream = agent.stream("Slow?", thread="t")
    assert started.wait(10)
    with pytest.raises(ThreadBusy, match="still answering"):
        agent.run("Now!", thread="t")
    go_on.set()
    assert list(stream)
    assert agent.run("Now?", thread="t").output == "next"


def test_a_closed_agent_says_so(make_agent: MakeAgent) -> None:
    agent = make_agent(say("x"))
    agent.close()
    agent.close()
    with pytest.raises(ConfigurationError, match="closed"):
        agent.run("Hi")


def test_an_error_in_a_turn_leaves_the_thread_usable(make_agent: MakeAgent) -> None:
    def fall_over(_: str) -> str:
        raise RuntimeError("the engine broke")

    agent = make_agent(say("one"), fall_over, say("two"))
    agent.run("First?", thread="t")
    with pytest.raises(RuntimeError, match="the engine broke"):
        agent.run("Second?", thread="t")
    run = agent.run("Third?", thread="t")
    assert run.output == "two"
    assert "Second?" not in str(run.messages)


@pytest.mark.parametrize("saver", [None, InMemorySaver()], ids=["own memory", "checkpoints"])
def test_back_to_an_earlier_moment(make_agent: MakeAgent, saver: InMemorySaver | None) -> None:
    agent = make_agent(say("Lima."), say("Cloudy."), say("Oslo."), sandbox=None, checkpointer=saver)
    first = agent.run("A town?", thread="t")
    agent.run("Its weather?", thread="t")
    history = agent.graph.get_state_history({"configurable": {"thread_id": "t"}})
    ends = [point for point in history if not point.next]
    agent.graph.update_state(ends[1].config, None)
    run = agent.run("Another?", thread="t")
    assert [str(message.text) for message in run.messages[1:]] == ["A town?", "Lima.", "Another?", "Oslo."]
    assert run.ids[: len(first.ids)] == first.ids
    assert run.usage.cached_tokens >= len(first.ids)
