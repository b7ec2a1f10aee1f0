"""The first Llama 3 has neither tools nor the tokens for them: it chats, and says so when more is asked."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llama3_prompts import Codec, Transcript

SPECIALS = ("begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(f"<|{name}|>", special=True, normalized=False) for name in SPECIALS])
    return PreTrainedTokenizerFast(tokenizer_object=core)


def test_a_plain_chat(tokenizer: PreTrainedTokenizerFast) -> None:
    transcript = Transcript(tokenizer, "3", instructions="Be kind.")
    transcript.append(HumanMessage("Hi"))
    codec = transcript.codec
    assert codec.decode(transcript.open_assistant()) == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert codec.stop_ids == {codec.special("<|eot_id|>"), codec.special("<|end_of_text|>")}
    answer = transcript.add_generated([*codec.encode("Hello!"), codec.special("<|eot_id|>")])
    assert (answer.text, answer.tool_calls) == ("Hello!", [])
    transcript.append(AIMessage("And more."))
    restored = Transcript.from_state(tokenizer, transcript.to_state())
    assert (restored.ids, restored.family) == (transcript.ids, "3")


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        ({"code_interpreter": True}, "code_interpreter"),
        ({"builtin_tools": ["brave_search"]}, "brave_search"),
        ({"tools": [{"name": "add", "description": "Adds.", "parameters": {}}]}, "add"),
    ],
)
def test_tools_are_refused(tokenizer: PreTrainedTokenizerFast, offered: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"knows no tools, but was offered {named}; use a Llama 3.1"):
        Transcript(tokenizer, "3", **offered)


def test_the_other_families_need_the_tokens_of_tools(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(ValueError, match=r"no special token <\|eom_id\|>, <\|python_tag\|>"):
        Codec(tokenizer)
