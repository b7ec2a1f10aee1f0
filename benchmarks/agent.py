"""What a step of the agent costs beside model and tool, and whether it grows with the conversation.

A scripted engine calls a tool that does nothing, again and again. Beside the agent, with checkpoints in
memory and in SQLite, run a bare loop over the same engine and transcript, and ``create_agent``.

Time on the clock holds whatever else the machine does meanwhile; time on the processor does not, but leaves
out what waits for the disk.
"""

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from llama3_agent import Agent, ChatLlama, Llama, ScriptedLlama
from llama3_prompts import Transcript

Tick = Callable[[], None]


def replies(steps: int) -> Iterator[str]:
    """A call for each step, each unlike the one before, and an answer."""
    for step in range(steps):
        yield json.dumps({"name": "note", "parameters": {"number": step}}) + "<|eot_id|>"
    yield "Done.<|eot_id|>"


def noter(tick: Tick) -> Callable[..., str]:
    """The tool."""

    def note(number: int) -> str:
        """Note a number.

        Args:
            number: Which.
        """
        tick()
        return f"noted {number}"

    return note


def by_agent(llama: ScriptedLlama, steps: int, tick: Tick, saver: BaseCheckpointSaver[Any] | None) -> None:
    """Through `Agent`."""
    tools = [noter(tick)]
    with Agent(llama, tools, sandbox=None, max_steps=steps + 1, checkpointer=saver) as agent:
        run = agent.run("Go.", thread="t")
    assert run.finish_reason == "answered", run.error


def by_hand(llama: ScriptedLlama, _: int, tick: Tick) -> None:
    """In a bare loop."""
    note = noter(tick)
    transcript = Transcript(llama.tokenizer, llama.family, tools=[note])
    transcript.append(HumanMessage("Go."))
    while calls := transcript.add_generated(llama.complete(transcript.open_assistant()).ids).tool_calls:
        for call in calls:
            transcript.append(ToolMessage(note(**call["args"]), tool_call_id=call["id"]))


def by_langchain(llama: ScriptedLlama, steps: int, tick: Tick) -> None:
    """Through ``create_agent``."""
    agent = create_agent(ChatLlama(llama), [noter(tick)])
    agent.invoke({"messages": [HumanMessage("Go.")]}, {"recursion_limit": 4 * steps})


def stored(path: Path) -> int:
    """Bytes of checkpoints in a SQLite file."""
    with sqlite3.connect(path) as connection:
        (points,) = connection.execute(
            "SELECT sum(length(checkpoint) + length(metadata)) FROM checkpoints"
        ).fetchone()
        (writes,) = connection.execute("SELECT sum(length(value)) FROM writes").fetchone()
    return int(points or 0) + int(writes or 0)


def ends(ticks: list[float], edge: int) -> tuple[float, float]:
    """The medians of the first and of the last steps, in ms."""
    times = [1_000 * (later - earlier) for earlier, later in pairwise(ticks)]
    return statistics.median(times[:edge]), statistics.median(times[-edge:])


def main() -> None:
    """Run them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    steps = parser.parse_args().steps
    tokenizer = Llama("cria", progress=False).tokenizer
    edge = steps // 10
    print(f"ms a step, engine included (median of the first and the last tenth of {steps} steps)")
    print(f"{'':24}{'clock':>14}{'':>8}{'processor':>14}{'':>8}{'engine':>10}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "threads"
        saver = SqliteSaver(sqlite3.connect(file, check_same_thread=False))
        sizes: list[int] = []
        contestants: dict[str, Callable[[ScriptedLlama, Tick], None]] = {
            "bare loop": lambda llama, tick: by_hand(llama, steps, tick),
            "Agent, own memory": lambda llama, tick: by_agent(llama, steps, tick, None),
            "Agent, InMemorySaver": lambda llama, tick: by_agent(llama, steps, tick, InMemorySaver()),
            "Agent, SQLite": lambda llama, tick: by_agent(llama, steps, tick, saver),
            "create_agent": lambda llama, tick: by_langchain(llama, steps, tick),
        }
        for name, run in contestants.items():
            llama = ScriptedLlama(tokenizer, replies(steps), context_length=1_000_000)
            clock: list[float] = []
            processor: list[float] = []

            def tick(
                clock: list[float] = clock, processor: list[float] = processor, name: str = name
            ) -> None:
                if name == "Agent, SQLite" and len(clock) in (edge, 2 * edge, steps - edge, steps - 1):
                    sizes.append(stored(file))
                clock.append(time.perf_counter())
                processor.append(time.process_time())

            run(llama, tick)
            started = time.process_time()
            again = ScriptedLlama(tokenizer, replies(edge), context_length=1_000_000)
            for _ in range(edge):
                again.complete(llama.prompts[-1])
            engine = 1_000 * (time.process_time() - started) / edge
            (first, last), (worked, worked_last) = ends(clock, edge), ends(processor, edge)
            print(f"{name:24}{first:14.2f}{last:8.2f}{worked:14.2f}{worked_last:8.2f}{engine:10.2f}")
    early, late = (sizes[1] - sizes[0]) / edge, (sizes[3] - sizes[2]) / (edge - 1)
    print(f"SQLite bytes a step: {early:,.0f} in the second tenth, {late:,.0f} in the last")


if __name__ == "__main__":
    main()
