"""A chat with the embedded model that is several times as long as its window."""

from __future__ import annotations

from itertools import pairwise

import pytest

from llama3_agent import Agent, Llama, Run, Sampling
from llama3_prompts import Codec
from llama3_tools import CodeGate

from .conftest import TODAY

WINDOW = 900
PAIRS = [(n, 3 * n + 7) for n in range(11, 27)]


@pytest.fixture(scope="module")
def runs(gate: CodeGate) -> list[Run]:
    """The turns of the chat."""
    llama = Llama("cria", device="cpu", progress=False, context_length=WINDOW)
    with Agent(llama, gate=gate, today=TODAY, max_tokens=150) as agent:
        return [agent.run(f"What is {a} * {b}?", thread="t") for a, b in PAIRS]


def test_it_goes_on_and_on(runs: list[Run]) -> None:
    assert "error" not in {run.finish_reason for run in runs}
    assert max(len(run.ids) for run in runs) < WINDOW
    assert sum(len(run.compactions) for run in runs) >= 2
    assert len({run.ids[: run.ends[0]] for run in runs}) == 1
    assert "left out" in str(runs[-1].messages[1].content)


def test_what_a_cut_left_stays_cached(runs: list[Run]) -> None:
    for before, run in pairwise(runs):
        for cut in run.compactions:
            assert run.ids[: cut.kept] == before.ids[: cut.kept]
            assert run.usage.cached_tokens >= cut.kept > 0
        if not run.compactions:
            assert run.usage.cached_tokens >= len(before.ids) - 1


def test_after_a_cut_it_says_what_it_would_say_with_an_empty_cache(runs: list[Run], llama: Llama) -> None:
    run = next(run for run in runs if run.compactions)
    start = run.ends[-2]
    header = Codec(llama.tokenizer).header("assistant")
    said = run.ids[start + len(header) :]
    fresh = llama.complete(
        [*run.ids[:start], *header], session="alone", tenant="alone", sampling=Sampling(max_tokens=len(said))
    )
    llama.release("alone", tenant="alone")
    assert fresh.cached_tokens == 0
    assert fresh.ids == said


@pytest.mark.cria_answers
def test_its_answers_are_no_worse_for_it(runs: list[Run]) -> None:
    right = [str(a * b) in run.output.replace(",", "") for (a, b), run in zip(PAIRS, runs, strict=True)]
    first = next(n for n, run in enumerate(runs) if run.compactions)
    assert sum(right[first:]) >= 0.9 * len(right[first:])
