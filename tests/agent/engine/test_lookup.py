"""Guesses from the prompt: fewer forwards, the same answer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling
from llama3_agent.engine._batch import Work
from llama3_agent.engine._lookup import Lookup


def test_it_finds_what_followed_the_last_time() -> None:
    lookup = Lookup([1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3])
    assert lookup.draft() == [4, 5, 6, 7]
    lookup.extend([9, 1, 2, 3])
    assert lookup.draft() == [9, 1, 2, 3]
    lookup.extend([0])
    assert lookup.draft() == []
    assert Lookup([1, 2]).draft() == []


def counted(llama: Llama) -> list[int]:
    sizes: list[int] = []
    run = llama._runner.batcher._run

    def count(batch: Sequence[Work]) -> None:
        sizes.extend(len(work.tokens) for work in batch)
        run(batch)

    llama._runner.batcher._run = count
    return sizes


@pytest.mark.parametrize("seed", range(8))
def test_the_answer_is_the_same_with_fewer_forwards(folder: Path, seed: int) -> None:
    plain = Llama(folder, device="cpu", progress=False)
    guessing = Llama(folder, device="cpu", progress=False, speculate=True)
    draw = random.Random(seed)
    prompt = [256, *draw.choices(range(256), k=20)]
    few, many = counted(guessing), counted(plain)
    for _ in range(3):
        sampling = Sampling(max_tokens=draw.randint(1, 70))
        expected = plain.complete(prompt, sampling=sampling)
        answer = guessing.complete(prompt, sampling=sampling)
        assert (answer.ids, answer.finish) == (expected.ids, expected.finish)
        assert answer.logprobs == pytest.approx(expected.logprobs, abs=1e-4)
        assert answer.cached_tokens == expected.cached_tokens
        prompt += [*answer.ids, *answer.ids[-6:], draw.randrange(256)]
    assert len(few) <= len(many)


@pytest.mark.parametrize(("wrong_at", "forwards"), [(None, 11), (2, 18), (0, 50)])
def test_guesses_are_kept_as_far_as_they_are_right(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wrong_at: int | None, forwards: int
) -> None:
    prompt, sampling = [256, 5, 6], Sampling(max_tokens=50)
    expected = Llama(folder, device="cpu", progress=False).complete(prompt, sampling=sampling)

    def guess(lookup: Lookup) -> list[int]:
        done = len(lookup._tokens) - len(prompt)
        draft = list(expected.ids[done : done + 4])
        if wrong_at is not None and wrong_at < len(draft):
            draft[wrong_at] = 263
        return draft

    monkeypatch.setattr(Lookup, "draft", guess)
    llama = Llama(folder, device="cpu", progress=False, speculate=True)
    sizes = counted(llama)
    answer = llama.complete(prompt, sampling=sampling)
    assert answer.ids == expected.ids
    assert len(sizes) == forwards
    monkeypatch.undo()
    again = llama.complete([*prompt, *answer.ids, 9], sampling=Sampling(max_tokens=1))
    assert again.computed_tokens == 2


def test_where_it_does_not_pay_and_where_tokens_are_drawn_nothing_is_guessed(
    llama: Llama, folder: Path
) -> None:
    assert not llama._speculate
    guessing = Llama(folder, device="cpu", progress=False, speculate=True)
    sampling = Sampling(max_tokens=60, temperature=0.8, seed=3)
    sizes = counted(guessing)
    answer = guessing.complete([256, 5, 6], sampling=sampling)
    assert answer.ids == llama.complete([256, 5, 6], sampling=sampling).ids
    assert max(sizes[1:]) == 1
