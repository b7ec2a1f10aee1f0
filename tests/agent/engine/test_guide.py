"""Decoding under a grammar: even a model with random weights writes nothing but calls that bind."""

from __future__ import annotations

import sys
import threading
from typing import Annotated, Literal

import pytest
import torch
from pydantic import BaseModel, Field
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from llama3_agent import Agent
from llama3_agent._llama import Llama
from llama3_agent.engine import GrammarError, GrammarUnavailable, Sampling
from llama3_prompts import Grammar, Transcript, json_grammar, parse

from .conftest import save_model
from .test_exactness import next_logprobs

DIALECTS = ("json", "list", "tag")


def light(room: Literal["kitchen", "hall"], on: bool, level: Literal[1, 2] = 1) -> str:
    """Switch a light."""
    return f"{room} {on} {level}"


def stop() -> str:
    """Stop everything."""
    return "stopped"


def talk(tokenizer: PreTrainedTokenizerFast, dialect: str) -> Transcript:
    return Transcript(tokenizer, "3.1", tools=[light, stop], dialect=dialect, instructions="Help.")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_required_call_always_binds(llama: Llama, tokenizer: PreTrainedTokenizerFast, dialect: str) -> None:
    transcript, names = talk(tokenizer, dialect), set()
    for seed in range(25):
        answer = llama.complete(
            transcript.ids[-40:],
            sampling=Sampling(temperature=2.0, seed=seed, max_tokens=300),
            grammar=transcript.call_grammar("required"),
        )
        if answer.finish == "length":  # nothing but calls, and no end of them yet
            continue
        message = parse(tokenizer.decode(answer.ids), tools=[light, stop], code_interpreter=False)
        assert not message.invalid_tool_calls
        assert not message.text
        names |= {call["name"] for call in message.tool_calls}
    assert names == {"light", "stop"}


def test_a_named_call_is_that_one(llama: Llama, tokenizer: PreTrainedTokenizerFast) -> None:
    transcript = talk(tokenizer, "json")
    answer = llama.complete(
        transcript.ids[-40:], sampling=Sampling(max_tokens=60), grammar=transcript.call_grammar("light")
    )
    assert tokenizer.decode(answer.ids).removeprefix("<|python_tag|>").lstrip().startswith('{"')
    assert '"name": "light"' in tokenizer.decode(answer.ids)


class Bulb(BaseModel):
    """A bulb."""

    colour: Literal["red", "blue"]
    on: bool
    watts: Annotated[int, Field(ge=1, le=99)]
    tags: Annotated[list[Literal["old", "new"]], Field(max_length=2)] = []


@pytest.mark.parametrize("seed", range(10))
def test_an_answer_as_json_is_always_of_its_schema(
    llama: Llama, tokenizer: PreTrainedTokenizerFast, seed: int
) -> None:
    answer = llama.complete(
        [256, seed],
        sampling=Sampling(temperature=2.0, seed=seed, max_tokens=300),
        grammar=json_grammar(Bulb.model_json_schema()),
    )
    assert answer.finish == "stop"
    assert Bulb.model_validate_json(tokenizer.decode(answer.ids, skip_special_tokens=True))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_no_call_is_left_alone(llama: Llama, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    transcript, sampling = talk(tokenizer, "json"), Sampling(1.0, seed=seed, max_tokens=40)
    free = llama.complete(transcript.ids[-40:], sampling=sampling)
    held = llama.complete(transcript.ids[-40:], sampling=sampling, grammar=transcript.call_grammar())
    assert held.ids == free.ids


def only(text: str) -> Grammar:
    """A grammar of that one text."""
    return Grammar((f'start: "{text}"',))


def test_forced_tokens_have_the_models_own_probabilities(
    llama: Llama, reference: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    prompt = [256, *b"say it"]
    answer = llama.complete(prompt, grammar=only("exactly this"))
    assert tokenizer.decode(answer.ids[:-1]) == "exactly this"
    assert answer.finish == "stop"
    rows = next_logprobs(reference, [*prompt, *answer.ids])[len(prompt) - 1 : -1]
    chosen = rows[torch.arange(len(answer.ids)), torch.tensor(answer.ids)]
    torch.testing.assert_close(torch.tensor(answer.logprobs), chosen, atol=1e-5, rtol=0)


def test_a_limit_ends_forced_tokens_and_the_cache_stays_true(
    llama: Llama, tokenizer: PreTrainedTokenizerFast
) -> None:
    prompt = [256, *b"say it"]
    cut = llama.complete(prompt, sampling=Sampling(max_tokens=5), grammar=only("exactly this"))
    assert (tokenizer.decode(cut.ids), cut.finish, len(cut.logprobs)) == ("exact", "length", 5)
    following = [*prompt, *cut.ids, *b" and on"]
    warm = llama.complete(following, sampling=Sampling(max_tokens=12))
    cold = llama.complete(following, session="cold", sampling=Sampling(max_tokens=12))
    assert warm.ids == cold.ids
    assert warm.cached_tokens >= len(prompt) + 4


def test_forced_tokens_can_be_cancelled(llama: Llama, tokenizer: PreTrainedTokenizerFast) -> None:
    cancel, heard = threading.Event(), []

    def hear(token: int) -> None:
        heard.append(token)
        if len(heard) == 3:
            cancel.set()

    answer = llama.complete([256, *b"say it"], grammar=only("exactly this"), on_token=hear, cancel=cancel)
    assert (answer.finish, tokenizer.decode(answer.ids)) == ("cancelled", "exa")
    assert heard == list(answer.ids)


def test_a_malformed_grammar_is_told(llama: Llama) -> None:
    with pytest.raises(GrammarError, match="not well-formed"):
        llama.complete([256], grammar=Grammar(("start: nowhere",)))
    assert llama.stats().requests == 0


def test_without_llguidance_it_says_what_to_install(llama: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    monkeypatch.setitem(sys.modules, "llguidance.hf", None)
    with pytest.raises(GrammarUnavailable, match=r"llama3-agent\[grammar\]"):
        llama.complete([256], grammar=Grammar(('start: "a"',)))


def test_an_agent_holds_its_calls_to_the_tools(make_agent) -> None:
    for constrain in (True, False):
        agent = make_agent("Hello.<|eot_id|>", tools=[light], sandbox=None, constrain=constrain)
        agent.run("hello")
        assert (agent.llama.grammars[0] is not None) is constrain


def test_an_agent_of_random_weights_calls_what_there_is(tmp_path, tokenizer) -> None:
    llama = Llama(save_model(tmp_path, max_position_embeddings=4096), device="cpu", progress=False)
    sampling = Sampling(temperature=2.0, seed=1, max_tokens=300)
    grammar = talk(tokenizer, "json").call_grammar("required")
    complete = llama.complete
    llama.complete = lambda ids, **options: complete(ids, **{**options, "grammar": grammar})  # type: ignore[method-assign]
    with Agent(llama, [light, stop], sandbox=None, sampling=sampling, max_steps=3) as agent:
        run = agent.run("do something")
    assert run.finish_reason in {"max_steps", "repeated_call", "truncated"}
    assert all(not message.invalid_tool_calls for message in run.messages if message.type == "ai")
