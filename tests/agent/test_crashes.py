"""Killed at random moments, a run goes on: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, NothingToResume, ScriptedLlama, tool_options

from .conftest import MakeAgent, say

SCRIPT = Path(__file__).with_name("crashes.py")


def call(name: str, *items: str) -> str:
    """What Llama 3 writes to call a tool, once for each item."""
    calls = [json.dumps({"name": name, "parameters": {"item": item}}) for item in items]
    return "; ".join(calls) + "<|eot_id|>"


@pytest.mark.parametrize(
    "options",
    [(), ("--ask",), ("--history", "40"), ("--compact",)],
    ids=["plain", "approval", "long thread", "full window"],
)
def test_killed_again_and_again(tmp_path: Path, options: tuple[str, ...]) -> None:
    kills = os.environ.get("LLAMA3_AGENT_KILLS", "6")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, kills, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] == int(kills)


class Crash(BaseException):
    """Goes through everything, as a kill does."""


def crashed(tokenizer: PreTrainedTokenizerFast, saver: InMemorySaver, *, repeatable: bool) -> list[str]:
    """Have the second of two parallel calls fall over, and return what has been ordered."""
    ordered: list[str] = []

    def order(item: str) -> str:
        """Order.

        Args:
            item: What.
        """
        ordered.append(item)
        return f"ordered {item}"

    if repeatable:
        tool_options(repeatable=True)(order)
    agent = Agent(
        ScriptedLlama(tokenizer, [call("order", "a", "b"), say("Done.")]),
        [order],
        sandbox=None,
        checkpointer=saver,
    )
    carry_out = agent._kit.tools.call

    def fall_over(name: str, args: dict[str, str], stop: object) -> object:
        outcome = carry_out(name, args, stop)  # type: ignore[arg-type]
        if args["item"] == "b" and ordered.count("b") == 1:
            time.sleep(0.2)  # until the other call has been written down
            raise Crash
        return outcome

    agent._kit.tools.call = fall_over  # type: ignore[assignment, method-assign]
    with pytest.raises(Crash):
        agent.run("Order both.", thread="t")
    run = agent.last("t")
    assert run is not None
    assert run.finish_reason == "interrupted"
    assert "agent.resume" in str(run.error)
    again = agent.resume(thread="t")
    assert again.output == "Done."
    results = [str(message.content) for message in again.messages if message.type == "tool"]
    assert results[0] == "ordered a"
    ordered.append(results[1])
    agent.close()
    return ordered


def test_what_had_been_done_is_not_done_again(tokenizer: PreTrainedTokenizerFast) -> None:
    *ordered, second = crashed(tokenizer, InMemorySaver(), repeatable=False)
    assert sorted(ordered) == ["a", "b"]
    assert second.startswith("error: this call was cut off")
    assert "not known whether it took effect" in second


def test_what_may_be_done_twice_is_done_again(tokenizer: PreTrainedTokenizerFast) -> None:
    *ordered, second = crashed(tokenizer, InMemorySaver(), repeatable=True)
    assert sorted(ordered) == ["a", "b", "b"]
    assert second == "ordered b"


def test_a_new_question_keeps_the_results_of_calls_cut_off(make_agent: MakeAgent) -> None:
    def order(item: str) -> str:
        """Order.

        Args:
            item: What.
        """
        return f"ordered {item}"

    agent = make_agent(
        call("order", "a", "b"), say("New."), tools=[order], sandbox=None, checkpointer=InMemorySaver()
    )
    carry_out = agent._kit.tools.call

    def fall_over(name: str, args: dict[str, str], stop: object) -> object:
        if args["item"] == "b":
            time.sleep(0.2)  # until the other call has been written down
            raise Crash
        return carry_out(name, args, stop)  # type: ignore[arg-type]

    agent._kit.tools.call = fall_over  # type: ignore[assignment, method-assign]
    with pytest.raises(Crash):
        agent.run("Order both.", thread="t")
    run = agent.run("Never mind.", thread="t")
    first, second = [str(message.content) for message in run.messages if message.type == "tool"]
    assert first == "ordered a"
    assert "not known whether it took effect" in second


def test_an_engine_that_failed_is_asked_again(make_agent: MakeAgent) -> None:
    def fall_over(_: str) -> str:
        raise RuntimeError("the engine broke")

    agent = make_agent(fall_over, say("Here I am."), sandbox=None)
    with pytest.raises(RuntimeError):
        agent.run("Hello?", thread="t")
    run = agent.resume(thread="t")
    assert run.output == "Here I am."
    assert [message.text for message in run.messages[1:]] == ["Hello?", "Here I am."]


def test_a_finished_thread_has_nothing_to_resume(make_agent: MakeAgent) -> None:
    agent = make_agent(say("Hi."), sandbox=None)
    assert agent.last("t") is None
    agent.run("Hello?", thread="t")
    last = agent.last("t")
    assert last is not None
    assert (last.output, last.finish_reason) == ("Hi.", "answered")
    with pytest.raises(NothingToResume):
        agent.resume(thread="t")
    with pytest.raises(NothingToResume):
        agent.resume(thread="other")


def test_a_tool_may_ask_for_something_itself(tokenizer: PreTrainedTokenizerFast) -> None:
    saver = InMemorySaver()

    def order(item: str) -> str:
        """Order.

        Args:
            item: What.
        """
        return f"{item} for {interrupt('for whom?')}"

    with Agent(
        ScriptedLlama(tokenizer, [call("order", "tea")]), [order], sandbox=None, checkpointer=saver
    ) as agent:
        run = agent.run("Order tea.", thread="t")
        assert (run.finish_reason, run.waiting) == ("interrupted", ())
    with Agent(ScriptedLlama(tokenizer, [say("Ok.")]), [order], sandbox=None, checkpointer=saver) as agent:
        run = agent.resume("Ada", thread="t")
    assert run.messages[-2].content == "tea for Ada"


def test_checkpoints_do_not_grow_with_the_conversation(tokenizer: PreTrainedTokenizerFast) -> None:
    saver = InMemorySaver()
    sizes: list[int] = []

    def order(item: str) -> str:
        """Order.

        Args:
            item: What.
        """
        sizes.append(stored(saver))
        return f"ordered {item}"

    replies = [*(call("order", f"{n:03}") for n in range(60)), say("Done.")]
    llama = ScriptedLlama(tokenizer, replies, context_length=100_000)
    with Agent(llama, [order], sandbox=None, checkpointer=saver, max_steps=99) as agent:
        agent.run("Order a lot.", thread="t")
    steps = [later - earlier for earlier, later in pairwise(sizes)]
    assert sum(steps[-10:]) < 1.1 * sum(steps[5:15])


def stored(saver: InMemorySaver) -> int:
    """Bytes that a saver holds."""
    blobs = sum(len(data) for _, data in saver.blobs.values())
    writes = sum(len(value[2][1]) for task in saver.writes.values() for value in task.values())
    points = [one for spaces in saver.storage.values() for space in spaces.values() for one in space.values()]
    return blobs + writes + sum(len(point[0][1]) + len(point[1][1]) for point in points)
