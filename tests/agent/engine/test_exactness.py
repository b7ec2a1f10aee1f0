"""Whatever the cache does, the output is that of a model that computes everything every time."""

import random
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import LlamaForCausalLM

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling

from .conftest import save_model

SHORT = Sampling(max_tokens=12)


def next_logprobs(model: LlamaForCausalLM, ids: list[int]) -> torch.Tensor:
    """Log-probabilities after every position, `[len(ids), vocabulary]`, computed at once without a cache."""
    with torch.inference_mode():
        return model(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)


def assert_greedy(model: LlamaForCausalLM, prompt: list[int], ids: tuple[int, ...], logprobs) -> None:
    """`ids` is what greedy decoding without a cache gives, with the same probabilities."""
    expected = next_logprobs(model, [*prompt, *ids])[len(prompt) - 1 : -1]
    assert list(ids) == expected.argmax(-1).tolist()
    chosen = expected[torch.arange(len(ids)), torch.tensor(ids)]
    torch.testing.assert_close(torch.tensor(logprobs), chosen, atol=1e-5, rtol=0)


def test_greedy_is_what_generate_gives(llama: Llama, reference: LlamaForCausalLM) -> None:
    prompt = [256, *b"What is the mean price?"]
    theirs = reference.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
        do_sample=False,
        max_new_tokens=60,
        eos_token_id=sorted(llama.stop_ids),
        pad_token_id=0,
    )
    ours = llama.complete(prompt, sampling=Sampling(max_tokens=60))
    assert list(ours.ids) == theirs[0, len(prompt) :].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_conversations_that_grow_rewind_and_diverge(
    llama: Llama, reference: LlamaForCausalLM, seed: int
) -> None:
    draw = random.Random(seed)
    conversation = [256]
    held: list[int] = []
    for _ in range(6):
        if draw.random() < 0.4:
            del conversation[draw.randrange(1, len(conversation) + 1) :]
        conversation += draw.choices(range(256), k=draw.randrange(0, 30))
        answer = llama.complete(conversation, sampling=SHORT)
        assert_greedy(reference, conversation, answer.ids, answer.logprobs)
        assert answer.cached_tokens == min(shared(held, conversation), len(conversation) - 1)
        assert answer.cached_tokens + answer.computed_tokens == answer.prompt_tokens == len(conversation)
        conversation = [*conversation, *answer.ids]
        held = conversation[:-1]


def shared(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=25)), min_size=1, max_size=5))
def test_any_edit_of_any_prompt(llama: Llama, reference: LlamaForCausalLM, turns) -> None:
    prompt = [256]
    for keep, addition in turns:
        prompt = [*prompt[: max(1, keep)], *addition]
        answer = llama.complete(prompt, sampling=Sampling(max_tokens=3))
        assert_greedy(reference, prompt, answer.ids, answer.logprobs)


def test_full_hit_recomputes_one_token(llama: Llama, reference: LlamaForCausalLM) -> None:
    prompt = list(range(40))
    first = llama.complete(prompt, sampling=SHORT)
    again = llama.complete(prompt, sampling=SHORT)
    assert (again.cached_tokens, again.computed_tokens) == (39, 1)
    assert again.ids == first.ids
    assert_greedy(reference, prompt, again.ids, again.logprobs)


def test_prompt_shorter_than_the_cache(llama: Llama, reference: LlamaForCausalLM) -> None:
    prompt = list(range(40))
    llama.complete(prompt, sampling=SHORT)
    answer = llama.complete(prompt[:7], sampling=SHORT)
    assert (answer.cached_tokens, answer.computed_tokens) == (6, 1)
    assert_greedy(reference, prompt[:7], answer.ids, answer.logprobs)


def test_a_cache_of_other_tokens_is_not_used(llama: Llama, reference: LlamaForCausalLM) -> None:
    llama.complete(list(range(40)), sampling=SHORT)
    other = list(range(100, 140))
    answer = llama.complete(other, sampling=SHORT)
    assert answer.cached_tokens == 0
    assert_greedy(reference, other, answer.ids, answer.logprobs)


@pytest.mark.parametrize("chunk", [1, 3, 16])
def test_chunks_change_nothing(llama: Llama, reference: LlamaForCausalLM, chunk: int) -> None:
    llama._runner.chunk = chunk
    prompt = list(range(50))
    answer = llama.complete(prompt, sampling=SHORT)
    assert answer.computed_tokens == 50
    assert_greedy(reference, prompt, answer.ids, answer.logprobs)


@pytest.mark.parametrize(
    "shape",
    [
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1, "tie_word_embeddings": False},
        {"head_dim": 16},
        {"attention_bias": True},
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}},
    ],
    ids=["every-head", "one-head-untied", "wide-heads", "bias", "rope-llama3", "rope-dynamic"],
)
def test_every_shape_of_llama(tmp_path: Path, shape: dict[str, object]) -> None:
    folder = save_model(tmp_path / "model", **shape)
    llama = Llama(folder, device="cpu", progress=False)
    reference = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompt = list(range(90))
    for _ in range(2):
        answer = llama.complete(prompt, sampling=SHORT)
        assert_greedy(reference, prompt, answer.ids, answer.logprobs)
        prompt = [*prompt, *answer.ids, 65, 66]


def test_half_precision_files_run_in_full_precision_on_a_cpu(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "half", dtype=torch.float16)
    llama = Llama(folder, device="cpu", progress=False)
    assert llama.dtype == torch.float32
    reference = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    answer = llama.complete(list(range(30)), sampling=SHORT)
    assert_greedy(reference, list(range(30)), answer.ids, answer.logprobs)


def test_bfloat16_runs_when_asked_for(folder: Path) -> None:
    llama = Llama(folder, device="cpu", dtype="bfloat16", progress=False)
    assert llama.dtype == torch.bfloat16
    assert len(llama.complete(list(range(30)), sampling=SHORT).ids) <= 12
