"""Events: their order, their threads, and stopping in the middle."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest

from llama3_agent import ThreadBusy, events
from llama3_tools import LocalSandbox

from .conftest import MakeAgent, code, say


def test_events_come_in_order_and_add_up(make_agent: MakeAgent) -> None:
    agent = make_agent(code("print(6 * 7)"), say("It is 42, né?"))
    stream = list(agent.stream("Go."))
    kinds = [type(event).__name__ for event in stream]
    order = sorted(set(kinds), key=kinds.index)
    assert order == ["ToolCallDelta", "ToolCall", "CodeScan", "ToolResult", "TextDelta", "Final"]
    assert "".join(event.text for event in stream if isinstance(event, events.TextDelta)) == "It is 42, né?"
    deltas = [event for event in stream if isinstance(event, events.ToolCallDelta)]
    assert "".join(delta.args_delta for delta in deltas) == "print(6 * 7)"
    assert deltas[0].name == "code_interpreter"
    [call] = [event for event in stream if isinstance(event, events.ToolCall)]
    [result] = [event for event in stream if isinstance(event, events.ToolResult)]
    assert call.id == result.call_id
    assert result.execution is not None
    assert result.execution.stdout == "42\n"
    assert isinstance(stream[-1], events.Final)
    assert stream[-1].run.output == "It is 42, né?"


ENDLESS = {"max_tokens": 1_000_000, "context_length": 1_000_000}


def endless(_: str) -> str:
    """A long answer: one token a byte."""
    return say("word " * 20_000)


def test_cancel_in_mid_answer_keeps_the_thread_usable(make_agent: MakeAgent) -> None:
    agent = make_agent(endless, say("fresh"), **ENDLESS)
    run = None
    for event in agent.stream("Talk.", thread="t"):
        if isinstance(event, events.TextDelta):
            agent.cancel("t")
        if isinstance(event, events.Final):
            run = event.run
    assert run is not None
    assert run.finish_reason == "interrupted"
    assert 0 < len(run.output) < 90_000
    assert agent.run("And now?", thread="t").output == "fresh"


def test_cancel_between_model_and_tool_runs_nothing(make_agent: MakeAgent) -> None:
    ran = []

    def record(text: str) -> str:
        """Record.

        Args:
            text: What.
        """
        ran.append(text)
        agent.cancel()
        return "recorded"

    calls = (
        '<|python_tag|>{"name": "record", "parameters": {"text": "a"}}; '
        '{"name": "record", "parameters": {"text": "b"}}<|eom_id|>'
    )
    agent = make_agent(calls, say("never"), tools=[record], max_parallel=1)
    run = agent.run("Go.")
    assert run.finish_reason == "interrupted"
    assert ran == ["a"]
    assert "not run: the answer was stopped" in str(run.messages[-1].content)


def test_ctrl_c_stops_the_run_and_is_raised(make_agent: MakeAgent) -> None:
    entered = threading.Event()

    def slow_words(_: str) -> str:
        entered.set()
        time.sleep(0.3)
        return endless("")

    agent = make_agent(slow_words, say("fresh"), **ENDLESS)

    def press() -> None:
        assert entered.wait(10)
        signal.raise_signal(signal.SIGINT)

    # A signal raised in another thread is handled in the main thread, as the one from the keyboard is.
    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        agent.run("Talk.", thread="t")
    presser.join()
    assert agent.run("And now?", thread="t").output == "fresh"


def test_leaving_a_stream_stops_the_run(make_agent: MakeAgent) -> None:
    agent = make_agent(endless, say("fresh"), **ENDLESS)
    with agent.stream("Talk.", thread="t") as stream:
        next(stream)
    assert agent.run("And now?", thread="t").output == "fresh"


def test_an_ended_stream_stays_ended(make_agent: MakeAgent) -> None:
    stream = make_agent(say("x")).stream("Hi")
    list(stream)
    assert list(stream) == []
    stream.close()


def test_run_inside_a_running_loop(make_agent: MakeAgent) -> None:
    async def cell() -> str:
        return make_agent(say("works")).run("As in a notebook?").output

    assert asyncio.run(cell()) == "works"


def test_arun_and_astream(make_agent: MakeAgent) -> None:
    async def both() -> tuple[str, list[str]]:
        agent = make_agent(say("one"), say("two"))
        run = await agent.arun("One?")
        return run.output, [type(event).__name__ async for event in agent.astream("Two?")]

    output, kinds = asyncio.run(both())
    assert output == "one"
    assert kinds[-1] == "Final"


def test_cancelling_the_task_stops_the_run(make_agent: MakeAgent) -> None:
    async def cancelled() -> str:
        agent = make_agent(endless, say("fresh"), **ENDLESS)
        task = asyncio.create_task(agent.arun("Talk.", thread="t"))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await agent.arun("And now?", thread="t")).output

    assert asyncio.run(cancelled()) == "fresh"


def test_many_threads_at_once(make_agent: MakeAgent) -> None:
    agent = make_agent(*[say("hello")] * 8)

    async def all_at_once() -> list[str]:
        runs = await asyncio.gather(*(agent.arun("Hi", thread=f"t{n}") for n in range(8)))
        return [run.output for run in runs]

    assert asyncio.run(all_at_once()) == ["hello"] * 8


def test_the_graph_can_be_used_directly(make_agent: MakeAgent) -> None:
    agent = make_agent(code("6 * 7"), say("42"))
    state = agent.graph.invoke({"question": "Go."}, {"configurable": {"thread_id": "g"}})
    assert (state["output"], state["finish_reason"]) == ("42", "answered")


def test_cancel_ends_running_code_and_keeps_its_variables(make_agent: MakeAgent) -> None:
    agent = make_agent(code("x = 42\nimport time\ntime.sleep(250)"), code("x"), say("42"), code_timeout=250)
    for event in agent.stream("Go.", thread="t"):
        if isinstance(event, events.CodeScan):
            threading.Timer(2.5, agent.cancel).start()
        if isinstance(event, events.Final):
            assert event.run.finish_reason == "interrupted"
    assert agent.run("x?", thread="t").messages[-2].content == "completed\n[stdout]42[/stdout]"


def test_cancel_while_the_sandbox_starts_runs_nothing(make_agent: MakeAgent) -> None:
    def start() -> LocalSandbox:
        agent.cancel()
        return LocalSandbox(packages=())

    agent = make_agent(code("import time\ntime.sleep(250)"), code_timeout=250)
    agent._sessions._sandbox = start
    run = agent.run("Go.")
    assert (run.finish_reason, run.error) == ("interrupted", "the answer was stopped by the user")
    assert "not run: the answer was stopped" in run.messages[-1].text


def test_cancel_leaves_other_threads_in_a_shared_sandbox_alone(make_agent: MakeAgent) -> None:
    with LocalSandbox(packages=()) as box:
        agent = make_agent(say("hello"), code("import time\ntime.sleep(2)\n6 * 7"), say("42"), sandbox=box)
        agent.run("Hi.", thread="idle")
        for event in agent.stream("Go.", thread="busy"):
            if isinstance(event, events.CodeScan):
                threading.Timer(0.5, agent.cancel, ["idle"]).start()
            if isinstance(event, events.Final):
                assert (event.run.output, event.run.finish_reason) == ("42", "answered")


def test_a_thread_that_answers_cannot_be_forgotten(make_agent: MakeAgent) -> None:
    agent = make_agent(say("hello"))
    session = agent._begin("t")
    with pytest.raises(ThreadBusy):
        agent.forget("t")
    session.busy.release()
    agent.forget("t")
    assert len(agent.run("Hi.", thread="t").messages) == 3


def test_text_that_looked_like_a_call_to_the_end_is_streamed(make_agent: MakeAgent) -> None:
    stream = list(make_agent(say("Take this: {")).stream("Go."))
    text = "".join(event.text for event in stream if isinstance(event, events.TextDelta))
    assert text == "Take this: {"


def test_threads_do_not_share_the_names_that_the_gate_remembers(make_agent: MakeAgent) -> None:
    agent = make_agent(code("import os\nrun = os.system"), say("Done."), code("run('ls')"), say("Done."))
    agent.run("Go.", thread="one")
    messages = agent.run("Go.", thread="two").messages
    assert "NameError" in str(messages[-2].content)
