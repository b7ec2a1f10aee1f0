"""Llama Guard over the real engine with a tiny model, and over a script for odd answers."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from transformers import LlamaForCausalLM

from llama3_agent import Llama, ScriptedLlama
from llama3_agent.engine import ContextOverflow, InvalidTokens, Sampling
from llama3_agent.errors import ConfigurationError
from llama3_agent.guards import LlamaGuard, Subject
from llama3_prompts import Codec
from llama3_prompts.guard import CATEGORIES_8B, Category, guard_ids, guard_text

from ...guard_models import HARM, LLAMA_GUARD, plain

RNG = random.Random(4)
CODE = {"name": "code_interpreter", "args": {"code": f"import csv\n{HARM['S14'][1]}"}, "id": "1"}


def asked(text: str) -> list[BaseMessage]:
    return [HumanMessage(text)]


@pytest.mark.parametrize("code", HARM)
def test_what_is_unsafe_is_named(llama_guard: LlamaGuard, code: str) -> None:
    found = llama_guard.check(f"{plain(RNG, 5)} {HARM[code][0]} {plain(RNG, 5)}")
    assert (found.flagged, found.label, found.categories) == (True, "unsafe", (code,))
    assert CATEGORIES_8B[int(code[1:]) - 1].name in found.detail


def test_what_is_safe_takes_one_forward_pass(llama_guard: LlamaGuard) -> None:
    found = llama_guard.check(plain(RNG, 12))
    assert (found.flagged, found.label, found.categories) == (False, "safe", ())
    assert found.usage is not None
    assert found.usage.generated_tokens == 1


def test_the_score_is_the_probability_of_unsafe(llama_guard: LlamaGuard, models: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(models / LLAMA_GUARD).eval()
    codec = Codec(llama_guard.engine.tokenizer)
    (unsafe,) = codec.encode("unsafe")
    for text in (plain(RNG, 12), HARM["S9"][1]):
        with torch.inference_mode():
            logits = model(torch.tensor([guard_ids(codec, asked(text))])).logits[0, -1]
        assert llama_guard.check(text).score == pytest.approx(float(logits.softmax(0)[unsafe]), abs=1e-5)


def test_the_second_call_computes_only_the_conversation(models: Path) -> None:
    guard = LlamaGuard(Llama(models / LLAMA_GUARD, progress=False))
    codec = Codec(guard.engine.tokenizer)
    first, second = guard.check(plain(RNG, 10)), guard.check(plain(RNG, 10))
    policy = guard_text(asked("x")).partition("<BEGIN CONVERSATION>")[0]
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.cached_tokens < 5
    assert second.usage.cached_tokens >= len(codec.encode(policy))
    assert second.usage.computed_tokens == second.usage.prompt_tokens - second.usage.cached_tokens


def test_a_tool_call_is_judged_as_what_it_is(llama_guard: LlamaGuard) -> None:
    messages = [HumanMessage("show me the table"), AIMessage("", tool_calls=[CODE])]
    assert llama_guard.check(messages).categories == ("S14",)
    harmless = {**CODE, "args": {"code": "import csv print value"}}
    assert not llama_guard.check([messages[0], AIMessage("", tool_calls=[harmless])]).flagged


def test_only_the_last_turn_is_judged_as_the_last(tokenizer: Any) -> None:
    engine = ScriptedLlama(tokenizer, ["safe<|eot_id|>"] * 3)
    guard = LlamaGuard(engine)
    talk = [HumanMessage("Hi"), AIMessage("", tool_calls=[CODE]), ToolMessage("rows", tool_call_id="1")]
    guard.look(Subject("output", "Done.", [*talk, AIMessage("Done.")]))
    guard.look(Subject("input", "And?", [*talk, AIMessage("Done."), HumanMessage("And?")]))
    guard.look(Subject("input", "alone"))
    said = [tokenizer.decode(ids) for ids in engine.prompts]
    assert "ONLY THE LAST Agent message" in said[0]
    assert "Agent: code_interpreter:\nimport csv" in said[0]
    assert "ONLY THE LAST User message" in said[1]
    assert "User: alone" in said[2]


ANSWERS = [
    ("safe<|eot_id|>", False, "safe", ()),
    ("\n\nsafe<|eot_id|>", False, "safe", ()),
    ("unsafe\nS1<|eot_id|>", True, "unsafe", ("S1",)),
    ("\n\nunsafe\nS2, S14<|eot_id|>", True, "unsafe", ("S2", "S14")),
    ("unsafe<|eot_id|>", True, "unsafe", ()),
    ("unsafe\nS77<|eot_id|>", True, "unsafe", ("S77",)),
    ("I would rather not say.<|eot_id|>", True, "error", ()),
    ("<|eot_id|>", True, "error", ()),
    ("   ", True, "error", ()),
]


@pytest.mark.parametrize(("answer", "flagged", "label", "codes"), ANSWERS)
def test_any_answer_is_an_assessment(
    tokenizer: Any, answer: str, flagged: bool, label: str, codes: tuple[str, ...]
) -> None:
    found = LlamaGuard(ScriptedLlama(tokenizer, [answer])).check("Hello")
    assert (found.flagged, found.label, found.categories) == (flagged, label, codes)
    if label != "error":
        assert found.score == (1.0 if flagged else 0.0)


def test_thresholds_by_category(models: Path) -> None:
    engine = Llama(models / LLAMA_GUARD, progress=False)
    harm, harmless = HARM["S2"][1], plain(RNG, 8)
    strict = LlamaGuard(engine, threshold=0.999999, thresholds={"S1": 0.5})
    assert not strict.check(harm).flagged
    assert strict.check(HARM["S1"][0]).categories == ("S1",)
    low = LlamaGuard(engine, threshold=1e-9).check(harmless)
    assert low.flagged
    assert low.categories, "the model was made to say which, although it would have said safe"


def test_an_engine_that_tells_only_of_its_choice_will_do(tokenizer: Any) -> None:
    class Blind(ScriptedLlama):
        def complete(self, ids: Any, **keywords: Any) -> Any:
            keywords["sampling"] = Sampling(max_tokens=keywords["sampling"].max_tokens)
            return super().complete(ids, **keywords)

    answers = ["safe<|eot_id|>", "unsafe\nS3<|eot_id|>"]
    guard = LlamaGuard(Blind(tokenizer, answers))
    assert [guard.check("Hi").score, guard.check("Hi").score] == [0.0, 1.0]


def test_categories_of_ones_own(tokenizer: Any) -> None:
    bread = Category("O1", "Bread", "Nobody may bake.")
    engine = ScriptedLlama(tokenizer, ["unsafe\nO1<|eot_id|>"])
    found = LlamaGuard(engine, categories=[*CATEGORIES_8B, bread], without=["S6"]).check("Flour?")
    assert (found.categories, found.detail) == (("O1",), "O1 Bread")
    said = tokenizer.decode(engine.prompts[0])
    assert "O1: Bread.\nNobody may bake.\n<END" in said
    assert "S5: Defamation.\nS7: Privacy." in said


@pytest.mark.parametrize(
    ("family", "last"), [("3.1", "S14: Code Interpreter Abuse."), ("3.2", "S13: Elections.")]
)
def test_the_categories_follow_the_family(tokenizer: Any, family: str, last: str) -> None:
    engine = ScriptedLlama(tokenizer, ["safe<|eot_id|>"], family=family)
    LlamaGuard(engine).check("Hi")
    said = tokenizer.decode(engine.prompts[0])
    assert f"{last}\n<END UNSAFE" in said
    assert said.split("<|eot_id|>")[0].endswith("categories. " if family == "3.2" else "categories.")


def test_with_no_category_left_nobody_is_asked(tokenizer: Any) -> None:
    engine = ScriptedLlama(tokenizer, [])
    guard = LlamaGuard(engine, without=[one.code for one in CATEGORIES_8B])
    assert not guard.check("anything").flagged
    assert engine.prompts == []


def test_a_conversation_that_is_too_long_loses_its_oldest_turns(tokenizer: Any) -> None:
    engine = ScriptedLlama(tokenizer, ["safe<|eot_id|>"], context_length=3000)
    guard = LlamaGuard(engine)
    guard.check([HumanMessage("old " * 800), AIMessage("reply"), HumanMessage("newest")])
    said = tokenizer.decode(engine.prompts[0])
    assert "newest" in said
    assert "old" not in said
    with pytest.raises(ContextOverflow):
        guard.check("long " * 1000)


def test_a_check_can_be_stopped(llama_guard: LlamaGuard) -> None:
    stop = threading.Event()
    stop.set()
    found = llama_guard.check("hello", cancel=stop)
    assert (found.flagged, found.label) == (True, "error")


def test_it_can_be_awaited_in_a_running_loop(llama_guard: LlamaGuard) -> None:
    assert asyncio.run(llama_guard.acheck(HARM["S1"][1])).flagged


def test_a_model_is_loaded_once(models: Path) -> None:
    assert LlamaGuard(models / LLAMA_GUARD).engine is LlamaGuard(models / LLAMA_GUARD, threshold=0.9).engine


@pytest.mark.parametrize(
    "keywords",
    [{"without": ["S15"]}, {"thresholds": {"S99": 0.5}}, {"threshold": 0}, {"thresholds": {"S1": 1.5}}],
)
def test_what_cannot_be_is_refused(tokenizer: Any, keywords: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        LlamaGuard(ScriptedLlama(tokenizer, []), **keywords)


def test_sixteen_threads_do_not_mix(llama_guard: LlamaGuard) -> None:
    texts = [HARM["S9"][n % 3] if n % 2 else plain(RNG, 10) for n in range(16)]
    found: dict[int, bool] = {}

    def ask(number: int) -> None:
        found[number] = llama_guard.check(texts[number]).flagged

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: bool(n % 2) for n in range(16)}


@pytest.mark.parametrize("speculate", [True, False])
def test_an_engine_tells_of_the_tokens_that_are_watched(models: Path, speculate: bool) -> None:
    llama = Llama(models / LLAMA_GUARD, progress=False, speculate=speculate)
    prompt = guard_ids(Codec(llama.tokenizer), asked(HARM["S1"][0]))
    plain_run = llama.complete(prompt, sampling=Sampling(max_tokens=8))
    watching = llama.complete(prompt, sampling=Sampling(max_tokens=8, watch=plain_run.ids))
    assert (plain_run.watched, watching.ids) == ((), plain_run.ids)
    assert [row[place] for place, row in enumerate(watching.watched)] == pytest.approx(watching.logprobs)
    with pytest.raises(InvalidTokens):
        llama.complete(prompt, sampling=Sampling(watch=(10**6,)))
