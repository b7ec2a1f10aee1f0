"""The world that the embedded model is trained on: what its questions ask for is what its code does."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from random import Random

import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

RECIPE = Path(__file__).parents[2] / "examples" / "cria"
sys.path.insert(0, str(RECIPE))

from grow import grow  # noqa: E402
from world import (  # noqa: E402
    concepts,
    csv_intents,
    functions,
    joint_intents,
    linked,
    more_intents,
    number_turns,
    stories,
    words,
)
from world.generate import conversation  # noqa: E402
from world.math_intents import MORE_MATH, TEXT  # noqa: E402
from world.phrases import bank  # noqa: E402
from world.tables import Table  # noqa: E402

FLATS = Table(
    "flats.csv",
    pd.DataFrame(
        {"street": ["Elm", "Oak", "Bay"], "area": [30.5, 80.0, 55.0], "part": ["West", "Old", "West"]}
    ),
    ["area"],
    ["street", "part"],
)


def run(code: list[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec("\n".join(code), {"df": FLATS.frame, "pd": pd})
    return out.getvalue().strip()


def test_a_value_is_found_in_whichever_column_it_stands() -> None:
    assert run(more_intents.of_value_count("", "West").code) == "2"
    assert run(csv_intents.statistic("mean", "area", where=("", "West")).code) == "42.75"
    assert run(csv_intents.statistic("mean", "area", where=("street", "Oak")).code) == "80.0"


@pytest.mark.parametrize("intent", ["count_of_value", "share_of_value", "count_not_value"])
def test_questions_about_a_value_without_its_column(intent) -> None:
    for seed in range(12):
        request = more_intents.MORE[intent](Random(seed), FLATS)
        assert request is not None
        value = request.slots["v"]
        rows = int((FLATS.frame == value).any(axis=1).sum())
        expected = {
            "count_of_value": rows,
            "share_of_value": round(rows / 3 * 100, 4),
            "count_not_value": 3 - rows,
        }[intent]
        assert float(run(request.code)) == expected
        assert value in request.answer("1")


def test_a_follow_up_for_another_value_keeps_to_the_form_of_the_first() -> None:
    first = more_intents.of_value_count("", "West")
    assert more_intents.follow_ups(FLATS, first) == ["fu_value", "fu_percent_rows"]
    other = more_intents.follow_up(Random(1), FLATS, first, "fu_value")
    assert "any(axis=1)" in other.code[0]
    share = more_intents.follow_up(Random(1), FLATS, first, "fu_percent_rows")
    assert run(share.code) == "66.6667"


def test_what_is_looked_up_first_is_what_the_second_call_takes() -> None:
    rng, seen = Random(3), 0
    for _ in range(60):
        functions = linked.linked(rng)
        if len(functions) < 2:
            continue
        (first, second), conclusion = linked.ask_linked(rng, functions[0])
        (passed,) = second.arguments.values()
        assert str(passed) in map(str, json.loads(first.result).values())
        assert [first.name, second.name] == [function["name"] for function in functions]
        assert not second.question
        assert not conclusion
        seen += 1
    assert seen > 20


def test_the_conclusion_of_a_comparison_is_right() -> None:
    rng, seen = Random(4), 0
    for _ in range(80):
        (function, *more) = linked.linked(rng)
        if more:
            continue
        (first, second), conclusion = linked.ask_linked(rng, function)
        numbers = [int("".join(filter(str.isdigit, call.result))) for call in (first, second)]
        names = [next(iter(call.arguments.values())) for call in (first, second)]
        words_for_more = function["linked"]["more"]
        wins = max if any(conclusion.endswith(f" is {word}.") for word in words_for_more) else min
        assert conclusion.startswith(f" {names[numbers.index(wins(numbers))]} is ")
        seen += 1
    assert seen > 20


def test_a_text_without_quotes_stands_last() -> None:
    rng, bare = Random(5), 0
    for _ in range(400):
        slots, code = TEXT["upper"](rng)
        asked = number_turns._ask(rng, "text", "upper", slots)
        literal = code.split('"')[1]
        assert literal in asked
        if asked.endswith(f": {literal}") and " " in literal:
            bare += 1
    assert bare > 3


@pytest.mark.parametrize(
    ("intent", "value"),
    [
        ("bill_sum", lambda a, b, k: a * b + k),
        ("bill_change", lambda a, b, k: k - a * b),
        ("left_over", lambda a, b, k: a - b - k),
    ],
)
def test_bills_are_added_up(intent, value) -> None:
    for seed in range(10):
        slots, code = MORE_MATH[intent](Random(seed))
        assert float(run([code])) == pytest.approx(value(*(float(slots[name]) for name in "abk")))


def asked(kind: str, count: int) -> list[functions.Call]:
    """Questions of a function that takes one thing of a kind."""
    function = {
        "name": "f",
        "questions": ["Where is {x}?"],
        "results": ["ok"],
        "parameters": {"x": {"type": "string", "kind": kind}},
    }
    return [functions.ask(Random(seed), function) for seed in range(count)]


def test_a_number_is_passed_without_the_noun_before_it() -> None:
    calls = asked("id", 200)
    assert all(call.arguments["x"] in call.question for call in calls)
    before = [call.question[: call.question.index(call.arguments["x"])].lower() for call in calls]
    assert 20 < sum(len(text.split("where is ")[-1]) > 2 for text in before) < 120


def test_a_currency_may_be_called_by_its_name() -> None:
    calls = asked("currency", 100)
    assert all(len(call.arguments["x"]) == 3 for call in calls)
    assert 20 < sum(call.arguments["x"] not in call.question.upper() for call in calls) < 60


def test_what_has_the_dearest_may_be_asked_by_its_label() -> None:
    found = {concepts._of_label(Random(seed), "Which {t} is the dearest?") for seed in range(30)}
    assert "Which {t} is the dearest?" in found
    assert "Which {g} has the dearest {t}?" in found
    other = "How old is the oldest {t}?"
    assert concepts._of_label(Random(1), other) == other


ROOMS = Table(
    "rooms.csv",
    pd.DataFrame(
        {
            "area": [30.5, 80.0, 55.0, 41.5],
            "rent": [300, 900, 610, 480],
            "floor": [1, 2, 5, 3],
            "part": ["West", "Old", "West", "Old"],
            "kind": ["a", "b", "b", "b"],
        }
    ),
    ["area", "rent", "floor"],
    ["part", "kind"],
)


@pytest.mark.parametrize("intent", sorted(bank("joint")))
def test_what_is_asked_jointly_is_run_printed_and_said(intent) -> None:
    found = [made for seed in range(12) if (made := joint_intents.build(Random(seed), ROOMS, intent))]
    assert found
    for made in found:
        assert all(request.plot for request in made[1:])
        if not made[0].plot:
            out = joint_intents._printed(ROOMS, made[0].code)
            assert out.count("\n") + 1 == made[0].lines
            said = made[0].answer(out)
            assert all(csv_intents.flat(line) in said for line in out.split("\n"))
            assert "{" not in said
            assert "nan" not in out.split()


def test_a_joint_question_names_every_slot_of_its_code() -> None:
    derived = {"where": "v", "is": "v", "where2": "v2", "is2": "v2", "nlargest": "e"}
    for intent, entry in bank("joint").items():
        drawn = [line for _, *lines in entry.get("draws", []) for line in lines]
        used = joint_intents.placeholders([*entry.get("code", []), *drawn])
        for text in entry["ask"]:
            named = joint_intents.placeholders([text]) - {"t", "ts"}
            named = {"s" + name[1:] if name[0] == "a" else name for name in named}
            assert named == {derived.get(name, name) for name in used}, (intent, text)


def test_the_words_for_a_statistic_are_those_of_its_code() -> None:
    for seed in range(40):
        made = joint_intents.build(Random(seed), ROOMS, "two_of_two")
        assert made is not None
        for end, line in zip(("", "2"), made[0].code, strict=True):
            call = line.split("].")[1].split("()")[0]
            nouns, adjectives = joint_intents._STATISTICS[call]
            assert made[0].slots[f"s{end}"] in nouns
            assert made[0].slots[f"a{end}"] in adjectives


def test_functions_that_are_alike_take_something_of_the_same_kind() -> None:
    for seed in range(40):
        first = functions.alike(Random(seed), {"parameters": {"c": {"kind": "city"}}})
        assert "city" in {spec.get("kind") for spec in first["parameters"].values()}


def test_no_code_that_is_taught_fails_for_want_of_the_world(tmp_path: Path) -> None:
    for seed in range(60):
        for segment in conversation(10**9 + seed, tmp_path):
            assert not (segment.learn and "has no attribute" in segment.text)


def test_accented_words_have_a_letter_or_two_that_english_has_not() -> None:
    for seed in range(30):
        word = words.accented(Random(seed))
        assert 1 <= sum(not letter.isascii() for letter in word) <= 2


def test_what_is_meant_for_a_value_is_computed_on_its_rows() -> None:
    rng, seen = Random(4), set()
    while len(seen) < 2:
        table = concepts.concept_table(rng)
        made = concepts.implied(rng, table)
        if made is None or "{v}" not in made[0]:
            continue
        template, request = made
        assert set(re.findall(r"{(\w+)}", template)) <= set(request.slots)
        group = request.slots.get("g", "") if "{g}" in template else ""
        assert csv_intents.matches(group, request.slots["v"]) in request.code[0]
        seen.add("idx" in request.code[0])


def test_a_list_is_passed_as_it_is_said() -> None:
    listed = [f for f in functions.described() if any("items" in p for p in f.get("parameters", {}).values())]
    assert len(listed) > 10
    for seed, function in enumerate(listed * 5):
        call = functions.ask(Random(seed), function)
        (name,) = function["parameters"]
        assert all(str(one) in call.question for one in call.arguments[name])
        declared = functions.schema(Random(seed), function)["function"]["parameters"]["properties"][name]
        assert declared["type"] == "array"
        assert declared["items"]["type"] in {"string", "integer", "number"}


STORIES = bank("stories")["story"]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story["code"])
def test_a_story_asks_with_all_its_numbers_and_its_code_runs(story) -> None:
    fillers = {"who", "who2", "item", "items", "place"}
    for question in story["questions"]:
        assert set(re.findall(r"\{(\w+)\}", question)) - fillers == set(story["kinds"])
    for seed in range(15):
        question, code = stories.tell(Random(seed), story)
        assert "{" not in question
        assert run([code])


@pytest.mark.parametrize(
    ("number", "around", "forms"),
    [
        ("12", ("I buy ", " pens"), {"12", "twelve", "a dozen"}),
        ("12", ("with my ", " pens"), {"12", "twelve"}),
        ("25", ("all ", " of them"), {"25", "twenty-five"}),
        ("7", ("it weighs ", "kg"), {"7"}),
        ("12.50", ("for ", " each"), {"12.50"}),
        ("-4", ("at ", " degrees"), {"-4", "minus 4"}),
        ("1480", ("of ", " people"), {"1480", "1,480"}),
        ("3000", ("$", " a month"), {"3000", "3,000", "3k", "3 thousand"}),
        ("500000", ("all ", " votes"), {"500000", "500,000", "half a million", "500k", "500 thousand"}),
        ("1200000", ("the ", " voters"), {"1200000", "1,200,000", "1.2 million", "1.2M"}),
    ],
)
def test_numbers_are_written_in_several_ways(number, around, forms) -> None:
    assert {stories.written(Random(seed), number, *around) for seed in range(400)} == forms


def test_an_amount_has_one_currency_in_a_question() -> None:
    story = {"code": "{a} + {b}", "kinds": {"a": "$int:2:9", "b": "$int:2:9"}, "questions": ["{a} and {b}"]}
    asked = [stories.tell(Random(seed), story)[0] for seed in range(100)]
    assert any(text.count("$") == 2 for text in asked)
    assert not any("$" in text and ("€" in text or "euros" in text) for text in asked)


def config(layers: int, neurons: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=50,
        hidden_size=16,
        intermediate_size=neurons,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=True,
    )


@pytest.mark.parametrize(("layers", "neurons"), [(3, 24), (4, 32), (6, 24), (7, 40)])
def test_a_grown_model_says_what_it_said_and_can_learn_everywhere(layers, neurons) -> None:
    torch.manual_seed(0)
    small = LlamaForCausalLM(config(3, 24))
    large = grow(small, config(layers, neurons))
    ids = torch.randint(0, 50, (2, 20))
    torch.testing.assert_close(large(ids).logits, small(ids).logits)
    large(ids, labels=ids).loss.backward()
    for layer in large.model.layers:
        assert layer.self_attn.o_proj.weight.grad.abs().max() > 0
        assert layer.mlp.down_proj.weight.grad.abs().max(0).values.min() > 0


def test_a_model_does_not_shrink() -> None:
    with pytest.raises(ValueError, match="fewer layers"):
        grow(LlamaForCausalLM(config(3, 24)), config(2, 24))
