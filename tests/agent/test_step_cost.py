"""What a step costs does not depend on how many there were before it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, ScriptedLlama

STEPS = 60


def replies() -> Iterator[str]:
    """A call for each step, each of the same length, and an answer."""
    for step in range(STEPS):
        yield json.dumps({"name": "note", "parameters": {"number": 100 + step}}) + "<|eot_id|>"
    yield "Done.<|eot_id|>"


@pytest.mark.parametrize("saver", [None, InMemorySaver()], ids=["own memory", "checkpoints"])
def test_it_calls_as_many_functions(
    tokenizer: PreTrainedTokenizerFast, saver: BaseCheckpointSaver[str] | None
) -> None:
    calls, marks = count(), []

    def look(_frame: object, event: str, _argument: object) -> None:
        if event == "call":
            next(calls)

    def note(number: int) -> str:
        """Note a number.

        Args:
            number: Which.
        """
        marks.append(next(calls))
        return f"noted {number}"

    llama = ScriptedLlama(tokenizer, replies(), context_length=100_000)
    before = sys.getprofile()
    threading.setprofile(look)
    try:
        with Agent(llama, [note], sandbox=None, max_steps=STEPS + 1, checkpointer=saver) as agent:
            assert agent.run("Go.", thread="t").finish_reason == "answered"
    finally:
        threading.setprofile(before)
    steps = [later - earlier for earlier, later in pairwise(marks)]
    assert sum(steps[-20:]) < 1.03 * sum(steps[5:25])
