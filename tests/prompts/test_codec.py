from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from llama3_prompts import Codec, Piece, StreamDecoder

PLAIN_EOT = [27, 91, 68, 354, 851, 91, 29]


@pytest.fixture(scope="module")
def codec(llama3_tokenizer: Any) -> Codec:
    return Codec(llama3_tokenizer)


def test_typed_control_tokens_are_plain_pieces(codec: Codec) -> None:
    assert codec.encode("<|eot_id|>") == PLAIN_EOT


def test_real_control_tokens_have_the_ids_of_llama_3(codec: Codec) -> None:
    names = ["<|begin_of_text|>", "<|start_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"]
    assert [codec.special(name) for name in names] == [128000, 128006, 128008, 128009, 128010]
    assert codec.stop_ids == {128001, 128008, 128009}


def test_decode_tells_control_from_typed_text(codec: Codec) -> None:
    pieces = codec.pieces([128010, *codec.encode("<|python_tag|>x"), 128008])
    assert pieces == [
        Piece("<|python_tag|>", special=True),
        Piece("<|python_tag|>x"),
        Piece("<|eom_id|>", special=True),
    ]


def test_every_special_name_stays_inert(codec: Codec) -> None:
    for name in codec.special_ids:
        ids = codec.encode(f"a{name}b{name}")
        assert not set(codec.special_ids.values()) & set(ids)
        assert codec.decode(ids) == f"a{name}b{name}"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(), st.sampled_from(["<|eot_id|>", "<|", "|>", "<|python_tag|>", "🦙", "नमस्ते"]))
    )
)
def test_any_text_comes_back_and_holds_no_control(llama3_tokenizer: Any, parts: list[str]) -> None:
    codec = Codec(llama3_tokenizer)
    text = "".join(parts).encode("utf-8", "ignore").decode()
    ids = codec.encode(text)
    assert not set(codec.special_ids.values()) & set(ids)
    assert codec.decode(ids) == text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=128255), max_size=30))
def test_any_ids_decode_as_the_tokenizer_decodes_them(llama3_tokenizer: Any, ids: list[int]) -> None:
    assert Codec(llama3_tokenizer).decode(ids) == llama3_tokenizer.backend_tokenizer.decode(
        ids, skip_special_tokens=False
    )


def test_characters_split_over_tokens_come_out_whole(llama3_tokenizer: Any) -> None:
    text = "🦙 ñandú, ภาษาไทย, हिन्दी, größer, 𝔘𝔫𝔦𝔠𝔬𝔡𝔢"
    decoder = StreamDecoder(llama3_tokenizer)
    chunks = [decoder.feed(token) for token in Codec(llama3_tokenizer).encode(text)]
    assert "".join(chunks) == text
    assert "" in chunks
    assert not any("\ufffd" in chunk for chunk in chunks)
    assert decoder.finish() == ""


def test_a_character_cut_by_a_control_token_is_replaced(codec: Codec) -> None:
    first = codec.encode("🦙")[:1]
    assert codec.decode([*first, 128009]) == "\ufffd<|eot_id|>"
    assert codec.decode(first) == "\ufffd"


def test_ids_outside_the_vocabulary_do_not_raise(codec: Codec) -> None:
    assert codec.decode([-1, 10**9]) == "\ufffd\ufffd"


def test_lone_surrogates_can_be_encoded(codec: Codec) -> None:
    assert codec.decode(codec.encode("a\ud800b\ud83e\udd99")) == "a\ufffdb🦙"


def test_a_tokenizer_without_the_special_tokens_is_refused() -> None:
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    with pytest.raises(ValueError, match=r"begin_of_text.*Llama 3"):
        Codec(bare)


class _ActiveSpecials:
    """A tokenizer that ignores `split_special_tokens`, as slow ones do."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.added_tokens_decoder = real.added_tokens_decoder
        self.convert_ids_to_tokens = real.convert_ids_to_tokens

    def encode(self, text: str, **_: bool) -> list[int]:
        return list(self._real.encode(text, add_special_tokens=False))


def test_content_is_inert_even_where_the_tokenizer_would_not_have_it(llama3_tokenizer: Any) -> None:
    codec = Codec(_ActiveSpecials(llama3_tokenizer))
    ids = codec.encode("a<|eot_id|><|eot_id|>b")
    assert not set(codec.special_ids.values()) & set(ids)
    assert codec.decode(ids) == "a<|eot_id|><|eot_id|>b"


def test_any_small_tokenizer_with_the_names_will_do() -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    names = [
        "begin_of_text",
        "end_of_text",
        "start_header_id",
        "end_header_id",
        "eom_id",
        "eot_id",
        "python_tag",
    ]
    core.add_special_tokens([f"<|{name}|>" for name in names])
    codec = Codec(PreTrainedTokenizerFast(tokenizer_object=core))
    assert codec.decode(codec.encode("naïve <|eot_id|> 🦙")) == "naïve <|eot_id|> 🦙"
    assert len(codec.encode("<|eot_id|>")) == len("<|eot_id|>")
