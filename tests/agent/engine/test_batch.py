"""Many sessions in one forward: everybody gets what it would get alone."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling
from llama3_agent.engine._batch import Batcher, Work
from llama3_agent.engine._runner import Runner
from llama3_agent.engine._sessions import Session

SHORT = Sampling(max_tokens=12)


def session_of(runner: Runner) -> Session:
    return Session(runner.new_buffer())


@pytest.mark.parametrize("seed", range(6))
def test_a_mixed_batch_computes_what_each_would_alone(llama: Llama, seed: int) -> None:
    draw, runner = random.Random(seed), llama._runner
    pairs = [(session_of(runner), session_of(runner)) for _ in range(5)]
    for _ in range(4):
        jobs = []
        for alone, together in draw.sample(pairs, draw.randint(1, 5)):
            tokens = draw.choices(range(264), k=draw.choice([1, 1, 2, 7, 30]))
            rows = draw.randint(1, len(tokens))
            jobs.append((alone, Work(together, tokens, rows)))
        runner._run([work for _, work in jobs])
        for alone, work in jobs:
            expected = runner.forward(alone, work.tokens, rows=work.rows)
            assert work.logits is not None
            assert work.logits.shape == expected.shape
            torch.testing.assert_close(work.logits, expected, atol=1e-5, rtol=1e-5)
            assert work.session.tokens == alone.tokens
            torch.testing.assert_close(
                work.session.kv.read(0, len(alone.tokens)), alone.kv.read(0, len(alone.tokens))
            )


def test_requests_that_meet_share_forwards(folder: Path) -> None:
    llama = Llama(folder, device="cpu", progress=False)
    alone = {n: llama.complete([n, 7, 9], tenant=f"{n}", sampling=SHORT).ids for n in range(6)}
    sizes: list[int] = []
    run = llama._runner.batcher._run

    def count(batch: Sequence[Work]) -> None:
        sizes.append(len(batch))
        run(batch)

    llama._runner.batcher._run = count
    llama._runner.batcher._seconds = 1.0  # as if forwards took long enough to wait for others
    ready = threading.Barrier(6)

    def ask(n: int) -> tuple[int, ...]:
        ready.wait()
        return llama.complete([n, 7, 9], sampling=SHORT, session=str(n), tenant=f"other {n}").ids

    with ThreadPoolExecutor(6) as pool:
        assert dict(enumerate(pool.map(ask, range(6)))) == alone
    assert max(sizes) > 1
    assert sum(sizes) == sum(len(ids) for ids in alone.values())


class Refusing:
    """Computes nothing, and refuses work whose first token is 13."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, batch: Sequence[Work]) -> None:
        self.batches.append([work.tokens[0] for work in batch])
        if 13 in self.batches[-1]:
            raise RuntimeError("unlucky")
        for work in batch:
            work.logits = torch.tensor([work.tokens[0]])


def test_nobody_suffers_for_anothers_work(llama: Llama) -> None:
    run = Refusing()
    batcher = Batcher(run, most_tokens=100)
    batcher._seconds = 1.0
    ready = threading.Barrier(8)

    def ask(n: int) -> int | str:
        ready.wait()
        with batcher.request():
            try:
                return int(batcher.forward(Work(session_of(llama._runner), [n], 1))[0])
            except RuntimeError as error:
                return str(error)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(10, 18))) == [10, 11, 12, "unlucky", 14, 15, 16, 17]
    assert [13] in run.batches


def test_single_tokens_go_before_prompts_and_a_forward_has_its_measure(llama: Llama) -> None:
    batcher = Batcher(Refusing(), most_tokens=10)
    works = [Work(session_of(llama._runner), [0] * n, 1) for n in (8, 1, 9, 1, 3)]
    batcher._waiting = list(works)
    assert batcher._choose() == [works[1], works[3], works[0]]
    batcher._waiting = [works[2], works[0]]
    assert batcher._choose() == [works[2]]
    batcher._waiting = [Work(session_of(llama._runner), [0] * 50, 1)]
    assert len(batcher._choose()) == 1


def test_whoever_is_interrupted_leaves_the_place_to_the_others(llama: Llama) -> None:
    interrupt = [True]

    def run(batch: Sequence[Work]) -> None:
        if interrupt:
            interrupt.clear()
            raise KeyboardInterrupt
        for work in batch:
            work.logits = torch.tensor([1])

    batcher = Batcher(run, most_tokens=10)
    with pytest.raises(KeyboardInterrupt):
        batcher.forward(Work(session_of(llama._runner), [1], 1))
    assert batcher._waiting == []
    assert batcher.forward(Work(session_of(llama._runner), [1], 1)) == 1


def test_a_long_prompt_does_not_stall_a_reader(folder: Path) -> None:
    llama = Llama(folder, device="cpu", progress=False)
    llama._runner.chunk = llama._runner.batcher._most_tokens = 16
    seen: list[tuple[int, int]] = []
    deadline = time.monotonic() + 20

    def long_one() -> int:
        return llama.complete([1] * 450, session="long", sampling=Sampling(max_tokens=1)).computed_tokens

    def read(token: int) -> None:
        long = llama._sessions._sessions.get(("", "long"))
        seen.append((token, len(long.tokens) if long else 0))
        if len(seen) == 3:
            pool.submit(long_one)
            while not llama._sessions._sessions.get(("", "long")) and time.monotonic() < deadline:
                time.sleep(0.001)

    with ThreadPoolExecutor(1) as pool:
        answer = llama.complete([5, 6, 7], sampling=Sampling(max_tokens=100), on_token=read)
    assert len(answer.ids) > 20
    grown = [length for _, length in seen[3:]]
    # The prompt grew a little at a time while tokens kept coming.
    assert len({length for length in grown if 0 < length < 450}) > 3
