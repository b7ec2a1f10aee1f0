"""Weights of eight bits: nearly the same model, and exactly the same whoever else is being served."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from llama3_agent._llama import Llama
from llama3_agent.engine import ModelUnsuitable, Sampling, SavedPrefixesError, _int8

from .conftest import save_model

pytestmark = pytest.mark.skipif(not _int8.available(), reason="this build of torch has no FBGEMM")
PROMPT = [256, *[i * 11 % 256 for i in range(60)]]
LONG = [256, *[i * i * 7 % 251 for i in range(220)]]


@pytest.fixture
def small(folder: Path) -> Llama:
    return Llama(folder, device="cpu", progress=False, weights="int8")


@pytest.mark.parametrize("width", [16, 48, 300])
def test_a_product_is_nearly_the_exact_one(width: int) -> None:
    torch.manual_seed(width)
    weight, x = torch.randn(70, width), torch.randn(9, width)
    x[3] *= 1000
    x[4] = 0
    exact, ours = x @ weight.T, _int8.Int8Linear(weight)(x)
    assert torch.equal(ours[4], torch.zeros(70))
    error = (ours - exact).norm(dim=1) / exact.norm(dim=1).clamp_min(1e-9)
    assert error.max() < 0.05


def test_a_row_comes_out_the_same_whatever_is_beside_it() -> None:
    torch.manual_seed(1)
    layer, x = _int8.Int8Linear(torch.randn(70, 96)), torch.randn(2, 33, 96)
    whole = layer(x)
    for start, end in ((0, 1), (5, 6), (3, 17), (32, 33)):
        assert torch.equal(layer(x[:, start:end]), whole[:, start:end])
    x[0, 0] *= 1e6
    assert torch.equal(layer(x)[:, 1:], whole[:, 1:])


def test_what_a_loaded_model_says_of_itself(small: Llama, llama: Llama) -> None:
    assert small.parameters == llama.parameters
    assert small.dtype == torch.float32
    assert small.device.type == "cpu"


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"num_key_value_heads": 4},
        {"head_dim": 32},
        {"tie_word_embeddings": False},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}},
    ],
)
def test_every_shape_of_llama_is_followed_closely(tmp_path: Path, shape: dict[str, object]) -> None:
    folder = save_model(tmp_path / "model", **shape)
    small = Llama(folder, device="cpu", progress=False, weights="int8")
    reference = LlamaForCausalLM.from_pretrained(folder).eval()
    answer = small.complete(LONG, sampling=Sampling(max_tokens=30))
    with torch.inference_mode():
        exact = reference(torch.tensor([[*LONG, *answer.ids]])).logits[0, len(LONG) - 1 : -1].log_softmax(-1)
    chosen = exact[torch.arange(len(answer.ids)), torch.tensor(answer.ids)]
    error = torch.tensor(answer.logprobs) - chosen
    assert error.abs().mean() < 0.1 * exact.std()


@pytest.mark.parametrize("first", [1, 30, 63, 64, 65, 130, 199])
def test_cached_runs_and_uncached_ones_agree_to_the_bit(small: Llama, first: int) -> None:
    sampling = Sampling(max_tokens=16)
    begun = small.complete(LONG[:first], sampling=sampling)
    cached = small.complete(LONG, sampling=sampling)
    cold = small.complete(LONG, tenant=f"cold {first}", sampling=sampling)
    assert cached.cached_tokens >= first
    assert cold.cached_tokens == 0
    assert (cached.ids, cached.logprobs) == (cold.ids, cold.logprobs)
    again = small.complete([*LONG[:first], *begun.ids[:-1]], tenant=f"again {first}", sampling=sampling)
    assert (again.ids[0], again.logprobs[0]) == (begun.ids[-1], begun.logprobs[-1])


def test_what_is_computed_beside_others_agrees_to_the_bit(small: Llama) -> None:
    sampling = Sampling(max_tokens=24)
    prompts = [LONG[at : at + 40 + 17 * at] for at in range(6)]
    alone = [
        small.complete(prompt, tenant=f"alone {i}", sampling=sampling) for i, prompt in enumerate(prompts)
    ]
    with ThreadPoolExecutor(len(prompts)) as pool:
        futures = [
            pool.submit(small.complete, prompt, session=f"s{i}", tenant="together", sampling=sampling)
            for i, prompt in enumerate(prompts)
        ]
        together = [future.result() for future in futures]
    assert [(one.ids, one.logprobs) for one in together] == [(one.ids, one.logprobs) for one in alone]


def test_prefixes_of_the_full_model_are_anothers(small: Llama, llama: Llama, tmp_path: Path) -> None:
    llama.complete(PROMPT)
    llama.save_prefixes(tmp_path / "full")
    with pytest.raises(SavedPrefixesError, match="another model"):
        small.load_prefixes(tmp_path / "full")


def test_half_precision_files_are_quantized_too(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "half", dtype=torch.bfloat16)
    llama = Llama(folder, device="cpu", progress=False, weights="int8")
    assert llama.complete(PROMPT, sampling=Sampling(max_tokens=3)).ids


def test_other_kinds_are_refused(folder: Path) -> None:
    with pytest.raises(ModelUnsuitable, match="'full' or 'int8', not 'int4'"):
        Llama(folder, device="cpu", weights="int4")  # type: ignore[arg-type]
