"""The public test double keeps the manners of the real engine."""

import random
import threading

import pytest

from llama3_agent._llama import Llama
from llama3_agent._scripted import ScriptedLlama
from llama3_agent.engine import ContextOverflow, Engine, InvalidTokens, Sampling, ScriptExhausted


def test_special_tokens_in_a_reply_become_special(tokenizer) -> None:
    scripted = ScriptedLlama(tokenizer, ["<|python_tag|>print(2)<|eom_id|>", "It is 2.<|eot_id|>"])
    seen: list[int] = []
    first = scripted.complete([1, 2, 3], on_token=seen.append)
    assert tuple(seen) == first.ids
    assert first.ids[0] == tokenizer.convert_tokens_to_ids("<|python_tag|>")
    assert tokenizer.decode(first.ids) == "<|python_tag|>print(2)<|eom_id|>"
    assert first.finish == "stop"
    second = scripted.complete([1, 2, 3, *first.ids, 4], session="other")
    assert tokenizer.decode(second.ids) == "It is 2.<|eot_id|>"
    assert scripted.prompts == [(1, 2, 3), (1, 2, 3, *first.ids, 4)]
    assert scripted.sessions == ["default", "other"]
    assert isinstance(scripted, Engine)


def test_a_reply_may_depend_on_the_prompt(tokenizer) -> None:
    scripted = ScriptedLlama(tokenizer, [lambda prompt: prompt.upper() + "<|eot_id|>"])
    answer = scripted.complete(tokenizer.encode("hello"))
    assert tokenizer.decode(answer.ids) == "HELLO<|eot_id|>"


def test_it_ends_as_a_model_does(tokenizer) -> None:
    scripted = ScriptedLlama(tokenizer, ["abcdef<|eot_id|>", "no end", "abc<|eot_id|>def"], context_length=20)
    assert scripted.complete([1], sampling=Sampling(max_tokens=3)).finish == "length"
    assert scripted.complete([1]).finish == "length"
    assert tokenizer.decode(scripted.complete([1]).ids) == "abc<|eot_id|>"


def test_cancel(tokenizer) -> None:
    cancel = threading.Event()
    answer = ScriptedLlama(tokenizer, ["abcdef"]).complete(
        [1], on_token=lambda _: cancel.set(), cancel=cancel
    )
    assert (answer.finish, len(answer.ids)) == ("cancelled", 1)


def test_what_it_refuses(tokenizer) -> None:
    scripted = ScriptedLlama(tokenizer, ["only one"], context_length=10)
    with pytest.raises(ContextOverflow):
        scripted.complete([1] * 10)
    with pytest.raises(InvalidTokens):
        scripted.complete([])
    scripted.complete([1])
    with pytest.raises(ScriptExhausted, match="request 2"):
        scripted.complete([1])


@pytest.mark.parametrize("seed", range(4))
def test_its_account_is_the_real_one(llama: Llama, seed: int) -> None:
    draw = random.Random(seed)
    scripted = ScriptedLlama(llama.tokenizer, [])
    prompt = [256]
    for _ in range(8):
        prompt = [*prompt[: draw.randrange(1, len(prompt) + 1)], *draw.choices(range(97, 122), k=5)]
        session = draw.choice("ab")
        real = llama.complete(prompt, session=session, sampling=Sampling(max_tokens=4))
        # Random weights do not speak valid text, so their ids stand in for a reply.
        scripted._next_reply = lambda *_, ids=real.ids: list(ids)  # type: ignore[method-assign]
        double = scripted.complete(prompt, session=session, sampling=Sampling(max_tokens=4))
        assert double.ids == real.ids
        assert (double.cached_tokens, double.computed_tokens, double.finish) == (
            real.cached_tokens,
            real.computed_tokens,
            real.finish,
        )
        prompt += real.ids
