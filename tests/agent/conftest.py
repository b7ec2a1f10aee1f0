"""Agents whose model follows a script; gate, sandbox, parser and graph are the real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, ScriptedLlama
from llama3_tools import CodeGate

SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
)

MakeAgent = Callable[..., Agent]


def code(text: str) -> str:
    """What Llama 3 writes to run code."""
    return f"<|python_tag|>{text}<|eom_id|>"


def say(text: str) -> str:
    """What Llama 3 writes to answer."""
    return f"{text}<|eot_id|>"


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and Llama 3's special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIALS])
    return PreTrainedTokenizerFast(tokenizer_object=core)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The byte tokenizer."""
    return byte_tokenizer()


@pytest.fixture(scope="session")
def gate() -> Iterator[CodeGate]:
    """One real gate for all tests: starting it is what takes time."""
    gate = CodeGate()
    yield gate
    gate.close()


@pytest.fixture
def make_agent(tokenizer: PreTrainedTokenizerFast, gate: CodeGate) -> Iterator[MakeAgent]:
    """Make an agent from the replies of its model; it is closed after the test."""
    agents: list[Agent] = []

    def make(*replies: Any, context_length: int = 32_768, **settings: Any) -> Agent:
        llama = ScriptedLlama(tokenizer, replies, context_length=context_length)
        agents.append(Agent(llama, **{"gate": gate, **settings}))
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()
