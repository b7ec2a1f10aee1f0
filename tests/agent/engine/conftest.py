"""A tiny Llama with random weights and a real tokenizer, saved and loaded like any other model."""

from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llama3_agent._llama import Llama

SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Tests share the machine."""
    torch.set_num_threads(1)


def byte_tokenizer(specials: tuple[str, ...] = SPECIALS) -> PreTrainedTokenizerFast:
    """One token a byte, and the special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    return PreTrainedTokenizerFast(tokenizer_object=core, clean_up_tokenization_spaces=True)


def tiny_config(**changes: object) -> LlamaConfig:
    """Three layers, four query heads on two key/value heads."""
    values = {
        "vocab_size": 264,
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
        "bos_token_id": 256,
        "eos_token_id": 261,
    }
    return LlamaConfig(**{**values, **changes})


def save_model(folder: Path, *, dtype: torch.dtype = torch.float32, **changes: object) -> Path:
    """A random model and the byte tokenizer in `folder`."""
    torch.manual_seed(7)
    LlamaForCausalLM(tiny_config(**changes)).to(dtype).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def llama(folder: Path) -> Llama:
    """Fresh caches and counts for every test."""
    return Llama(folder, device="cpu", progress=False)


@pytest.fixture(scope="session")
def reference(folder: Path) -> LlamaForCausalLM:
    """The same weights in transformers' own hands: its attention, no cache."""
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
