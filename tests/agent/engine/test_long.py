"""Positions as far out as Llama 3.1 goes, beside transformers' own attention and cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import DynamicCache, LlamaForCausalLM

from llama3_agent._llama import Llama
from llama3_agent.engine._sessions import Session

from .conftest import save_model

LLAMA_3_1 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
CONTEXT = 131_072


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(
        tmp_path_factory.mktemp("models") / "long",
        max_position_embeddings=CONTEXT,
        rope_parameters=LLAMA_3_1,
        num_hidden_layers=2,
    )


@pytest.mark.parametrize("cached", [8_190, 60_000, CONTEXT - 12])
def test_far_positions_are_computed_as_transformers_does(long_folder: Path, cached: int) -> None:
    llama = Llama(long_folder, device="cpu", progress=False)
    reference = LlamaForCausalLM.from_pretrained(long_folder, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(cached)
    # Keys and values of so many tokens, as if they had been computed.
    kv = torch.randn(2, 2, 2, cached, 12, generator=generator)
    session = Session(llama._runner.new_buffer(), tokens=[0] * cached)
    session.kv.write(kv)
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(kv):
        cache.update(keys.unsqueeze(0), values.unsqueeze(0), layer)

    new = [5, 6, 7, 8, 9]
    with torch.inference_mode():
        expected = reference(
            torch.tensor([new]),
            past_key_values=cache,
            position_ids=torch.arange(cached, cached + len(new)).unsqueeze(0),
        ).logits[0]
    torch.testing.assert_close(llama._runner.forward(session, new, rows=5), expected, atol=2e-4, rtol=2e-4)

    with torch.inference_mode():
        position = torch.tensor([[cached + len(new)]])
        expected = reference(torch.tensor([[3]]), past_key_values=cache, position_ids=position).logits[0]
    torch.testing.assert_close(llama._runner.forward(session, [3]), expected, atol=2e-4, rtol=2e-4)
