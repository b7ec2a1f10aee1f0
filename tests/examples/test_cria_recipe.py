"""The recipe of the embedded model: generated conversations, tokenizer, optimiser, training and export."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from langchain_core.messages import HumanMessage
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaForCausalLM

RECIPE = Path(__file__).parents[2] / "examples" / "cria"
sys.path.insert(0, str(RECIPE))

import attention  # noqa: E402
import copying  # noqa: E402
import data  # noqa: E402
import drills  # noqa: E402
import export  # noqa: E402
import muon  # noqa: E402
import score  # noqa: E402
import tokenizer as recipe_tokenizer  # noqa: E402
import train  # noqa: E402
from world import generate, phrases  # noqa: E402
from world.conversation import Segment  # noqa: E402
from world.table_turns import LOOK  # noqa: E402

from llama3_prompts import Transcript  # noqa: E402

SEEDS = range(train.HELD_OUT + 5_000_000, train.HELD_OUT + 5_000_060)


@pytest.fixture(scope="module")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> list[list[Segment]]:
    scratch = tmp_path_factory.mktemp("scratch")
    return [generate.conversation(seed, scratch) for seed in SEEDS]


@pytest.fixture(scope="module")
def tokenizer(conversations: list[list[Segment]]):
    return recipe_tokenizer.train(
        part for segments in conversations for s in segments for part in train.plain(s.text)
    )


def text_of(segments: list[Segment]) -> str:
    return "".join(segment.text for segment in segments)


def test_a_seed_gives_the_same_conversation_again(conversations, tmp_path):
    assert text_of(generate.conversation(SEEDS[0], tmp_path)) == text_of(conversations[0])


def test_the_interpreter_really_ran(conversations):
    whole = "".join(map(text_of, conversations))
    assert "completed\n[stdout]" in whole
    assert "The answer is" in whole


def test_conversations_are_in_the_form_that_the_transcript_writes(conversations, tokenizer):
    """Training data and the running agent must agree to the token."""
    compared = 0
    for segments in conversations:
        system = segments[0].text.split("\n\n", 1)[1].removesuffix("<|eot_id|>")
        if "You can call these functions" in system:
            continue
        head, _, instructions = system.partition("\n\n")
        today = re.search("Today Date: (.*)", head)
        assert today
        transcript = Transcript(
            tokenizer,
            "3.1",
            instructions=instructions,
            builtin_tools=["brave_search"] if "Tools:" in head else [],
            code_interpreter="Environment: ipython" in head,
            today=datetime.datetime.strptime(today[1], "%d %B %Y").date(),
        )
        transcript.append(HumanMessage(segments[1].text.split("\n\n", 1)[1].removesuffix("<|eot_id|>")))
        opened = transcript.open_assistant()
        ids, _ = data.encode(tokenizer, segments, limit=None)
        assert ids[: len(opened)].tolist() == opened
        compared += 1
    assert compared > 20


def test_only_what_the_model_writes_is_learned(conversations, tokenizer):
    for segments in conversations:
        ids, learn = data.encode(tokenizer, segments, limit=None)
        assert tokenizer.decode(ids[learn]) == "".join(s.text for s in segments if s.learn)


@pytest.mark.parametrize("bank", ["csv", "math", "text", "more"])
def test_every_intent_is_in_its_bank(bank):
    assert all(isinstance(texts, list) and len(texts) >= 14 for texts in phrases.bank(bank).values())


def test_a_word_has_one_spelling_in_tokens(tokenizer):
    inside = [
        tokenizer.encode(text.format("price"), add_special_tokens=False)
        for text in ("{}", "the {} of", 'df["{}"]')
    ]
    word = inside[0]
    for ids in inside[1:]:
        assert any(ids[at : at + len(word)] == word for at in range(len(ids)))


def test_digits_stand_alone(tokenizer):
    ids = tokenizer.encode("print(1234567 + 89)", add_special_tokens=False)
    assert [token for token in tokenizer.convert_ids_to_tokens(ids) if token.isdigit()] == list("123456789")


def test_digits_are_where_the_copying_data_takes_them(tokenizer):
    assert [tokenizer.convert_ids_to_tokens(i) for i in copying.DIGITS] == list("0123456789")


@pytest.mark.parametrize("text", ["héllo wörld", "你好 🙂", "  spaces   \n\n\ttabs", "a\x00b"])
def test_any_text_survives(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_special_tokens_come_last_and_by_name(tokenizer):
    ids = [tokenizer.convert_tokens_to_ids(name) for name in recipe_tokenizer.SPECIAL]
    assert ids == list(range(len(tokenizer) - len(ids), len(tokenizer)))


@pytest.mark.parametrize("shape", [(2, 16, 48), (3, 48, 16), (1, 32, 32)])
def test_muon_flattens_the_spectrum(shape):
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.linalg.svdvals(muon.orthogonalise(torch.randn(shape, generator=generator)))
    assert 0.5 < spectrum.min() <= spectrum.max() < 1.5


def drilled(tokenizer, *turns: tuple[str, str, bool]) -> tuple[str, str]:
    """The text of a drill made of messages (role, body, learned), and the part of it that is learned."""
    segments = []
    for role, body, learn in turns:
        segments += [Segment(f"<|start_header_id|>{role}<|end_header_id|>\n\n", False), Segment(body, learn)]
    segments[0] = Segment("<|begin_of_text|>" + segments[0].text, False)
    ids, learn = drills.Drills(tokenizer)(data.encode(tokenizer, segments))
    text = "".join("<|" + part for part in tokenizer.decode(ids).split("<|start_header_id|>")[1:])
    return text, tokenizer.decode(ids[learn])


CALL = "<|python_tag|>print({})<|eom_id|>"


def test_a_drill_leaves_out_the_result_and_the_answer(tokenizer):
    text, learned = drilled(
        tokenizer,
        ("system", "Help.<|eot_id|>", False),
        ("user", "12 + 34<|eot_id|>", False),
        ("assistant", CALL.format("12 + 34"), True),
        ("ipython", "completed\n[stdout]46[/stdout]<|eot_id|>", False),
        ("assistant", "It is 46.<|eot_id|>", True),
        ("user", "and times 7?<|eot_id|>", False),
        ("assistant", CALL.format("46 * 7"), True),
    )
    assert "completed" not in text
    assert "It is" not in text
    assert learned == CALL.format("12 + 34") + CALL.format(" * 7")  # 46 stood only in what was left out


def test_a_drill_keeps_what_a_second_call_needs(tokenizer):
    text, _ = drilled(
        tokenizer,
        ("user", "sum?<|eot_id|>", False),
        ("assistant", CALL.format("list(df)"), True),
        ("ipython", "completed\n[stdout]['a'][/stdout]<|eot_id|>", False),
        ("assistant", CALL.format("df.a.sum()"), True),
        ("ipython", "completed\n[stdout]5[/stdout]<|eot_id|>", False),
        ("assistant", "5<|eot_id|>", True),
    )
    assert text.endswith(CALL.format("df.a.sum()"))
    assert "['a']" in text


ORDER = (
    ("user", "order 7<|eot_id|>", False),
    ("assistant", '{"name": "order", "parameters": {"id": 7}}<|eot_id|>', True),
    ("ipython", '{"state": "sent", "day": "Friday"}<|eot_id|>', False),
    ("assistant", "state: sent, day: Friday<|eot_id|>", True),
)


def test_a_drill_keeps_the_result_that_the_next_question_is_answered_from(tokenizer):
    turns = (*ORDER, ("user", "which day?<|eot_id|>", False), ("assistant", "Friday<|eot_id|>", True))
    text, learned = drilled(tokenizer, *turns)
    assert '"day": "Friday"' in text
    assert learned.endswith("day: Friday<|eot_id|>Friday<|eot_id|>")


def test_a_drill_keeps_both_calls_of_a_question_when_they_have_no_mark(tokenizer):
    call, result, answer = ORDER[1:]
    text, _ = drilled(tokenizer, ORDER[0], call, result, call, result, answer)
    assert text.count('"parameters"') == 2
    assert text.count('"day": "Friday"') == 1
    assert "day: Friday" not in text


def test_a_drill_drops_a_later_turn_that_asks_for_what_was_left_out(tokenizer):
    sums = (
        ("user", "1 + 1<|eot_id|>", False),
        ("assistant", CALL.format("1 + 1"), True),
        ("ipython", "completed\n[stdout]2[/stdout]<|eot_id|>", False),
        ("assistant", "2<|eot_id|>", True),
        ("user", "2 + 2<|eot_id|>", False),
        ("assistant", CALL.format("2 + 2"), True),
    )
    again = (("user", "the order again?<|eot_id|>", False), ORDER[3])
    text, _ = drilled(tokenizer, *ORDER, *sums, *again)
    assert "again" not in text
    assert text.endswith(CALL.format("2 + 2"))


def test_a_drill_keeps_what_a_look_at_the_file_showed(tokenizer):
    look = f'<|python_tag|>import pandas as pd\ndf = pd.read_csv("a.csv")\n{LOOK}<|eom_id|>'
    text, _ = drilled(
        tokenizer,
        ("user", "Attached: a.csv\n\nmean of height<|eot_id|>", False),
        ("assistant", look, True),
        ("ipython", "completed\n[stdout]'weight' [1, 2][/stdout]<|eot_id|>", False),
        ("assistant", "There is no column height in a.csv. The columns are weight.<|eot_id|>", True),
    )
    assert "'weight' [1, 2]" in text
    assert text.endswith("The columns are weight.<|eot_id|>")


@pytest.mark.parametrize("length", [1, 31, attention.BLOCK, attention.BLOCK + 1, 3 * attention.BLOCK - 2])
@pytest.mark.parametrize(("heads", "groups"), [(6, 3), (4, 1), (2, 2)])
def test_attention_in_blocks_is_attention(length, heads, groups):
    generator = torch.Generator().manual_seed(length)
    q, k, v, grad = (
        torch.randn(2, length, n, 16, generator=generator).transpose(1, 2).requires_grad_()
        for n in (heads, groups, groups, heads)
    )
    wanted = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    out, _ = attention.attention(q, k, v)
    torch.testing.assert_close(out, wanted)
    torch.testing.assert_close(
        torch.autograd.grad(out, (q, k, v), grad), torch.autograd.grad(wanted, (q, k, v), grad)
    )


def test_attention_in_blocks_can_be_compiled():
    q, k, v = (
        torch.randn(2, 50, n, 16, dtype=torch.bfloat16).transpose(1, 2).requires_grad_() for n in (4, 2, 2)
    )
    out, kept = attention.attention(q, k, v)
    tests = ("test_schema", "test_faketensor")
    torch.library.opcheck(attention.attention, (q, k, v), test_utils=tests)
    torch.library.opcheck(attention.attention_backward, (out, q, k, v, kept), test_utils=tests)


def test_importing_the_recipe_leaves_the_processor_as_it_was():
    assert torch.tensor(1e-310, dtype=torch.float64).mul(1).item() > 0


def test_what_copying_asks_for_can_be_copied():
    learned = 0
    for seed in range(40):
        ids, learn = copying.sequence(Random(seed), 200, 1000)
        learned += learn.sum()
        for at in np.flatnonzero(learn):
            assert ids[at] in ids[:at]
    assert learned > 40 * 200 / 3


def test_copying_does_not_ask_for_what_two_names_leave_open():
    names = [[1, 2, 3], [1, 2, 4], [5], [5, 6]]
    assert copying._certain([1, 2, 3], names) == [False, True, False, True]
    assert copying._certain([5], names) == [False, False]
    assert copying._certain([5, 6], names) == [False, False, True]
    assert copying._certain([7, 7], [[7, 7]]) == [True, True, True]


def test_training_learns_stops_and_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "TOKENS", 1024)
    monkeypatch.setattr(train, "HELD_OUT_CONVERSATIONS", 4)
    monkeypatch.setattr(data, "SHARD", 30)
    monkeypatch.setattr(train, "TOKENIZER_CONVERSATIONS", 150)
    monkeypatch.setattr(train, "body", lambda model: model.model)  # compiling takes longer than this test
    run = train.Run(tmp_path, minutes=0.05)
    data_folder = tmp_path / "shards"
    data_folder.mkdir()
    data.write_shard(run.tokenizer, 0, data_folder, tmp_path)
    first = run.update(next(run.batches(0)))
    run.train()
    again = train.Run(tmp_path, minutes=0.05)
    assert again.step == run.step > 1
    assert again.update(next(again.batches(0))) < first
    assert export.export(tmp_path / "model", tmp_path / "package") <= export.LARGEST
    assert LlamaForCausalLM.from_pretrained(tmp_path / "package").dtype == torch.float16


def test_too_large_a_model_is_not_exported(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(export, "LARGEST", 1000)
    LlamaForCausalLM(train.configuration(tokenizer)).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match="train a smaller model"):
        export.export(tmp_path / "model", tmp_path / "package")


def test_marks_of_a_message():
    call = '<|python_tag|>{"type": "function", "name": "f", "parameters": {"a": 1}}<|eom_id|>'
    assert score.judge(call, call) == {"tool choice": True, "exact": True, "arguments": True}
    other = call.replace("1", "2")
    assert score.judge(call, other) == {"tool choice": True, "exact": False, "arguments": False}
    assert score.judge("<|python_tag|>print(1)<|eom_id|>", "one<|eot_id|>")["tool choice"] is False
    assert score.judge("one<|eot_id|>", "two<|eot_id|>") == {
        "tool choice": True,
        "exact": False,
        "answer": False,
    }
