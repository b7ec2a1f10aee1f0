"""The agent over the real engine: a tiny Llama with random weights, which babbles but keeps its cache."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from llama3_agent import Agent, Llama
from llama3_tools import CodeGate

from .conftest import byte_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder in Hugging Face form."""
    path = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=264,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(path)
    byte_tokenizer().save_pretrained(path)
    return path


def test_a_folder_is_enough_and_the_second_question_computes_only_its_own_tokens(
    folder: Path, gate: CodeGate
) -> None:
    with Agent(str(folder), gate=gate, max_tokens=12, max_steps=1) as agent:
        assert isinstance(agent.llama, Llama)
        first = agent.run("One?", thread="t")
        second = agent.run("Two?", thread="t")
    assert first.usage.cached_tokens == 0
    assert second.usage.cached_tokens >= first.usage.prompt_tokens + first.usage.generated_tokens - 1
    assert second.usage.computed_tokens < 150
    assert first.usage.generated_tokens <= 12
