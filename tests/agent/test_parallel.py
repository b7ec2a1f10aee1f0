"""Calls at once, calls that take too long, calls that may be repeated; and what a run may use up."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest
from langchain_core.tools import BaseTool, ToolException
from pydantic import BaseModel

from llama3_agent import ConfigurationError, Run, ToolDefinitionError, tool_options
from llama3_agent._tools import ToolSet

from .conftest import MakeAgent, code, say


def calls(*named: tuple[str, dict[str, object]]) -> str:
    """What Llama 3 writes to make several calls."""
    return "; ".join(json.dumps({"name": n, "parameters": a}) for n, a in named) + "<|eot_id|>"


def results(run: Run) -> list[str]:
    return [str(message.content) for message in run.messages if message.type == "tool"]


def test_calls_of_one_message_run_at_once_and_answer_in_order(make_agent: MakeAgent) -> None:
    together = threading.Barrier(3, timeout=10)

    def meet(n: int) -> int:
        """Meet.

        Args:
            n: Who.
        """
        together.wait()
        time.sleep(0.01 * (3 - n))
        return n

    run = make_agent(
        calls(*[("meet", {"n": n}) for n in range(3)]), say("ok"), tools=[meet], sandbox=None
    ).run("Go.")
    assert results(run) == ["0", "1", "2"]


def test_no_more_at_once_than_allowed(make_agent: MakeAgent) -> None:
    at_work, most = [], []

    def work(n: int) -> int:
        """Work.

        Args:
            n: Which.
        """
        at_work.append(n)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.remove(n)
        return n

    asked = calls(*[("work", {"n": n}) for n in range(6)])
    agent = make_agent(asked, say("ok"), tools=[work], sandbox=None, max_parallel=2)
    assert results(agent.run("Go.")) == list("012345")
    assert max(most) == 2


def test_code_keeps_its_order_beside_other_calls(make_agent: MakeAgent) -> None:
    def note(text: str) -> str:
        """Note.

        Args:
            text: What.
        """
        return text.upper()

    asked = "<|python_tag|>" + calls(
        ("code_interpreter", {"code": "x = 20"}),
        ("note", {"text": "a"}),
        ("code_interpreter", {"code": "x + 22"}),
    )
    run = make_agent(asked, say("ok"), tools=[note]).run("Go.")
    assert results(run) == ["completed", "A", "completed\n[stdout]42[/stdout]"]


def slow(seconds: float) -> str:
    """Take time.

    Args:
        seconds: How much.
    """
    time.sleep(seconds)
    return "done"


def test_a_tool_that_takes_too_long_is_given_up(make_agent: MakeAgent) -> None:
    agent = make_agent(
        calls(("slow", {"seconds": 30})), say("ok"), tools=[slow], sandbox=None, tool_timeout=0.1
    )
    started = time.monotonic()
    [text] = results(agent.run("Go."))
    assert time.monotonic() - started < 10
    assert text.startswith("error: slow() was given up: it did not finish within 0.1 s")
    assert "find out before you repeat it" in text


def test_an_async_tool_that_takes_too_long_is_ended() -> None:
    ended = threading.Event()

    @tool_options(timeout=0.1)
    async def wait() -> None:
        """Wait."""
        try:
            await asyncio.sleep(30)
        finally:
            ended.set()

    outcome = ToolSet([wait], code_interpreter=False).call("wait", {})
    assert "did not finish within 0.1 s" in outcome.content
    assert ended.wait(5)


def test_cancel_does_not_wait_for_a_tool(make_agent: MakeAgent) -> None:
    agent = make_agent(calls(("slow", {"seconds": 60})), say("never"), tools=[slow], sandbox=None)
    threading.Timer(0.3, agent.cancel).start()
    started = time.monotonic()
    run = agent.run("Go.")
    assert time.monotonic() - started < 20
    assert run.finish_reason == "interrupted"
    assert "left at work when the user stopped" in results(run)[0]


def flaky(failures: int, **options: object) -> tuple[ToolSet, list[int]]:
    tries: list[int] = []

    def fetch() -> str:
        """Fetch."""
        tries.append(1)
        if len(tries) <= failures:
            raise ConnectionError("no line")
        return "fetched"

    tool_options(**options)(fetch)  # type: ignore[arg-type]
    return ToolSet([fetch], code_interpreter=False), tries


def test_a_tool_that_says_so_is_tried_again() -> None:
    tools, tries = flaky(2, repeatable=True, retries=2, pause=0.01)
    assert tools.call("fetch", {}).content == "fetched"
    assert len(tries) == 3


def test_no_other_tool_is() -> None:
    tools, tries = flaky(1, timeout=5)
    assert tools.call("fetch", {}).content == "error: fetch() raised ConnectionError: no line"
    assert len(tries) == 1
    with pytest.raises(ToolDefinitionError, match="repeatable=True"):
        tool_options(retries=1)


def test_what_a_tool_means_to_say_is_not_retried() -> None:
    tries = []

    @tool_options(repeatable=True, retries=3)
    def refuse() -> None:
        """Refuse."""
        tries.append(1)
        raise ToolException("no")

    assert ToolSet([refuse], code_interpreter=False).call("refuse", {}).content == "error: no"
    assert len(tries) == 1


class Point(BaseModel):
    """A place on the map."""

    x: int
    y: int = 0


class Sum(BaseModel):
    """Add numbers."""

    numbers: list[int]

    def __call__(self) -> int:
        return sum(self.numbers)


class OnlyAsync(BaseTool):
    """As many tools of other libraries are."""

    name: str = "only_async"
    description: str = "Answer."

    def _run(self) -> str:
        raise NotImplementedError

    async def _arun(self) -> list[dict[str, str]]:
        return [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def leave() -> None:
    """Leave."""
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("name", "args", "content"),
    [
        ("Point", {"x": 1}, '{"x": 1, "y": 0}'),
        ("Sum", {"numbers": [20, 22]}, "42"),
        ("Point", {"x": "far"}, "error: Point() argument 'x': Input should be a valid integer"),
        ("only_async", {}, "one\ntwo"),
        ("leave", {}, "error: leave() raised SystemExit: 3"),
    ],
)
def test_tools_of_every_kind(name: str, args: dict[str, object], content: str) -> None:
    tools = ToolSet([Point, Sum, OnlyAsync(), leave], code_interpreter=False)
    assert tools.call(name, args).content.startswith(content)


def test_too_many_tools_are_warned_of(make_agent: MakeAgent) -> None:
    def tool(n: int) -> object:
        def one() -> None:
            """Do nothing."""

        one.__name__ = f"tool_{n}"
        return one

    with pytest.warns(UserWarning, match="21 tools are more than small Llamas choose well from"):
        make_agent(tools=[tool(n) for n in range(21)], sandbox=None)


def test_a_token_budget_for_all_messages(make_agent: MakeAgent) -> None:
    agent = make_agent(*[code("1" * 20)] * 9, max_repeats=99, max_run_tokens=50, sandbox=None)
    run = agent.run("Go.")
    assert run.finish_reason == "budget"
    assert run.usage.generated_tokens == 50
    assert "after 50 tokens; allow more (max_run_tokens)" in str(run.error)


def test_a_time_budget(make_agent: MakeAgent) -> None:
    asked = calls(("slow", {"seconds": 60}))
    agent = make_agent(asked, say("And now?"), tools=[slow], sandbox=None, max_seconds=0.3)
    run = agent.run("Go.", thread="t")
    assert run.finish_reason == "budget"
    assert "within 0.3 s; allow more (max_seconds)" in str(run.error)
    assert agent.run("And now?", thread="t").output == "And now?"


@pytest.mark.parametrize(
    "settings", [{"max_parallel": 0}, {"max_run_tokens": 0}, {"max_seconds": 0}, {"tool_timeout": -1}]
)
def test_impossible_limits(make_agent: MakeAgent, settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        make_agent(**settings)


def test_32_agents_over_one_engine_at_once(make_agent: MakeAgent) -> None:
    started = threading.Barrier(33, timeout=30)

    def stand_by(prompt: str) -> str:
        started.wait()
        question = prompt.rpartition("user<|end_header_id|>")[2]
        return say("word " * 3_000 if "Talk" in question else "hello " + question[2:4])

    agent = make_agent(*[stand_by] * 32, sandbox=None, max_tokens=20_000)

    async def all_at_once() -> list[Run]:
        runs = [
            asyncio.create_task(agent.arun("Talk." if n == 7 else f"{n:02}", thread=f"t{n}"))
            for n in range(32)
        ]
        await asyncio.to_thread(started.wait)
        runs[7].cancel()
        done = await asyncio.gather(*runs, return_exceptions=True)
        assert isinstance(done.pop(7), asyncio.CancelledError)
        return done  # type: ignore[return-value]

    runs = asyncio.run(all_at_once())
    assert [run.output for run in runs] == [f"hello {n:02}" for n in range(32) if n != 7]
