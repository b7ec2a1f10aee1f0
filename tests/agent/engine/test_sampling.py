"""Choosing tokens."""

import math
from collections import Counter

import pytest
import torch
from transformers import LlamaForCausalLM

from llama3_agent._llama import Llama
from llama3_agent.engine import InvalidSampling, Sampling
from llama3_agent.engine._sampler import Sampler

PROMPT = list(b"roll a die")
LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()


def draws(sampling: Sampling, n: int = 4000) -> Counter[int]:
    sampler = Sampler(sampling)
    return Counter(sampler.pick(LOGITS) for _ in range(n))


def test_a_seed_repeats_itself(llama: Llama) -> None:
    sampling = Sampling(temperature=1.0, seed=3, max_tokens=30)
    first = llama.complete(PROMPT, sampling=sampling)
    assert llama.complete(PROMPT, sampling=sampling).ids == first.ids
    assert llama.complete(PROMPT, session="cold", sampling=sampling).ids == first.ids
    others = {llama.complete(PROMPT, sampling=Sampling(1.0, seed=s, max_tokens=30)).ids for s in range(5)}
    assert len(others) > 1


def test_without_a_seed_draws_differ(llama: Llama) -> None:
    sampling = Sampling(temperature=1.5, max_tokens=30)
    assert len({llama.complete(PROMPT, sampling=sampling).ids for _ in range(4)}) > 1


def test_draws_follow_the_distribution() -> None:
    counts = draws(Sampling(temperature=1.0, seed=0))
    for token, probability in enumerate([0.5, 0.3, 0.15, 0.05]):
        assert counts[token] / 4000 == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize(
    ("top_p", "allowed"),
    [(1.0, {0, 1, 2, 3}), (0.96, {0, 1, 2, 3}), (0.9, {0, 1, 2}), (0.6, {0, 1}), (0.4, {0}), (1e-9, {0})],
)
def test_top_p_keeps_the_smallest_sufficient_set(top_p: float, allowed: set[int]) -> None:
    counts = draws(Sampling(temperature=1.0, top_p=top_p, seed=1))
    assert set(counts) == allowed
    kept = sum(math.exp(LOGITS[t]) for t in allowed)
    assert counts[0] / 4000 == pytest.approx(0.5 / kept, abs=0.03)


def test_low_temperature_approaches_greedy() -> None:
    assert set(draws(Sampling(temperature=0.01, seed=2), 200)) == {0}


def test_logprobs_are_the_models_own(llama: Llama, reference: LlamaForCausalLM) -> None:
    answer = llama.complete(PROMPT, sampling=Sampling(temperature=0.7, top_p=0.8, seed=5, max_tokens=10))
    with torch.inference_mode():
        logits = reference(torch.tensor([[*PROMPT, *answer.ids]])).logits[0]
    own = logits.log_softmax(-1)[len(PROMPT) - 1 : -1]
    expected = own[torch.arange(len(answer.ids)), torch.tensor(answer.ids)]
    torch.testing.assert_close(torch.tensor(answer.logprobs), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"max_tokens": 0},
    ],
)
def test_values_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InvalidSampling, match=next(iter(bad))):
        Sampling(**bad)
