"""Agents' requests as they come: nothing is computed twice, and every answer is that of an empty cache."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from transformers import LlamaForCausalLM

from llama3_agent._llama import Llama

from .conftest import save_model
from .test_exactness import assert_greedy

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from traces import Asked, Conversation, Known, complete, trace, whole_sessions


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(
        tmp_path_factory.mktemp("models") / "roomy", max_position_embeddings=8192, initializer_range=0.1
    )


@pytest.fixture(scope="module")
def uncached(roomy: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(roomy).eval()


def check(model: LlamaForCausalLM, asked: Asked, logprobs: tuple[float, ...]) -> None:
    assert_greedy(model, asked.prompt, tuple(asked.answer), logprobs)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_computed_is_what_nobody_has_computed(
    roomy: Path, uncached: LlamaForCausalLM, seed: int
) -> None:
    llama = Llama(roomy, device="cpu", progress=False)
    known = Known()
    for number, asked in enumerate(trace(seed, sessions=4, requests=25, system=150)):
        answer = complete(llama, asked)
        assert answer.computed_tokens == known.ideal(asked.prompt)
        known.add(asked.computed_ids)
        if number % 4 == seed:
            check(uncached, asked, answer.logprobs)


@pytest.mark.parametrize("kibibytes", [20_000, 500, 1])
def test_everything_at_once(roomy: Path, uncached: LlamaForCausalLM, tmp_path: Path, kibibytes: int) -> None:
    """Threads, forks, turns taken back, cancelled answers, guesses, eviction and a restart in the middle."""

    def talk(conversation: Conversation) -> list[tuple[Asked, tuple[float, ...]]]:
        heard = []
        for _ in range(4):
            asked = conversation.next()
            heard.append((asked, complete(llama, asked).logprobs))
            conversation.heard(asked)
        return heard

    shared = Random(0).choices(range(256), k=100)
    talks = [Conversation(str(n), Random(n), shared) for n in range(5)]
    for _ in range(2):
        llama = Llama(roomy, device="cpu", progress=False, cache_bytes=kibibytes * 1024, speculate=True)
        if (tmp_path / "saved").exists():
            llama.load_prefixes(tmp_path / "saved")
        with ThreadPoolExecutor(len(talks)) as pool:
            answers = [one for heard in pool.map(talk, talks) for one in heard]
        for asked, logprobs in answers[::3]:
            check(uncached, asked, logprobs)
        llama.save_prefixes(tmp_path / "saved")


def test_a_cache_of_whole_sessions_computes_what_they_share_again() -> None:
    first, second = Asked("a", [1, 2, 3, 4], 1, answer=[9]), Asked("b", [1, 2, 3, 5], 1, answer=[9])
    again = Asked("a", [1, 2, 3, 4, 9], 1, answer=[8])
    assert whole_sessions([first, second, again], budget_tokens=100) == pytest.approx(4 / 13)
    assert whole_sessions([first, second, again], budget_tokens=5) == 0
