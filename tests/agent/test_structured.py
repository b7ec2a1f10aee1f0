"""Answers as values: asked for once the model has answered, and never half right."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, field_validator
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, InputError, Run, ScriptedLlama
from llama3_agent._guards import Guards

from .conftest import say


class Weather(BaseModel):
    """What it is like."""

    city: str
    degrees: int
    sky: Literal["clear", "cloudy"] = "clear"

    @field_validator("degrees")
    @classmethod
    def _possible(cls, value: int) -> int:
        if value > 60:
            raise ValueError("nowhere is it so hot")
        return value


OSLO = '{"city": "Oslo", "degrees": 7}'


def asked(
    tokenizer: PreTrainedTokenizerFast, *replies: str, output_type: Any = Weather, **options: Any
) -> tuple[Run, ScriptedLlama]:
    llama = ScriptedLlama(tokenizer, replies)
    with Agent(llama, sandbox=None, **options) as agent:
        return agent.run("What is it like in Oslo?", output_type=output_type), llama


def test_the_answer_comes_in_words_and_as_a_value(tokenizer: PreTrainedTokenizerFast) -> None:
    run, llama = asked(tokenizer, say("Seven degrees."), say(OSLO))
    assert run.finish_reason == "answered"
    assert run.output == "Seven degrees."
    assert run.parsed == Weather(city="Oslo", degrees=7)
    assert run.steps == 2
    # The conversation goes on as if nothing but the words had been said.
    assert [message.text for message in run.messages[1:]] == ["What is it like in Oslo?", "Seven degrees."]
    prompt = llama.tokenizer.decode(llama.prompts[1])
    assert prompt.endswith("assistant<|end_header_id|>\n\n")
    assert json.dumps(Weather.model_json_schema()) in prompt
    assert run.usage.generated_tokens > len(OSLO)


@pytest.mark.parametrize("constrain", [True, False])
def test_it_is_written_under_its_grammar(tokenizer: PreTrainedTokenizerFast, constrain: bool) -> None:
    _, llama = asked(tokenizer, say("7."), say(OSLO), constrain=constrain)
    grammar = llama.grammars[1]
    assert (grammar is not None) is constrain
    if grammar is not None:
        assert grammar.openings == ()
        assert '"degrees"' in grammar.lark[0]


@pytest.mark.parametrize(
    ("output_type", "reply", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, float], '{"a": 1.5}', {"a": 1.5}),
        (
            {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
            '{"n": 3}',
            {"n": 3},
        ),
        (Literal["yes", "no"], '"no"', "no"),
    ],
)
def test_any_type_that_pydantic_knows_and_any_schema(
    tokenizer: PreTrainedTokenizerFast, output_type: Any, reply: str, value: Any
) -> None:
    assert asked(tokenizer, say("Well."), say(reply), output_type=output_type)[0].parsed == value


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Seven.", "could not be put into the form asked for: it is no JSON"),
        ('{"city": "Oslo"}', "'degrees' is a required property"),
        ('{"city": "Oslo", "degrees": "7"}', "degrees: '7' is not of type 'integer'"),
        ('{"city": "Oslo", "degrees": 99}', "nowhere is it so hot"),
    ],
)
def test_what_is_no_such_value_is_told_and_not_handed_out(
    tokenizer: PreTrainedTokenizerFast, reply: str, said: str
) -> None:
    run, _ = asked(tokenizer, say("Seven degrees."), say(reply))
    assert (run.finish_reason, run.parsed, run.output) == ("error", None, "Seven degrees.")
    assert said in str(run.error)


def test_the_guard_sees_it_too(tokenizer: PreTrainedTokenizerFast) -> None:
    guards = Guards(output=lambda text: "no braces" if "{" in text else None)
    run, _ = asked(tokenizer, say("Seven degrees."), say(OSLO), guards=guards)
    assert (run.finish_reason, run.parsed) == ("blocked", None)
    assert "no braces" in str(run.error)


def test_nothing_is_asked_for_where_there_is_no_answer(tokenizer: PreTrainedTokenizerFast) -> None:
    run, llama = asked(tokenizer, "half a <|python_tag|>", max_format_errors=1)
    assert run.finish_reason != "answered"
    assert run.parsed is None
    assert len(llama.prompts) == 1


def test_the_next_question_of_a_thread_asks_for_its_own(tokenizer: PreTrainedTokenizerFast) -> None:
    llama = ScriptedLlama(tokenizer, [say("7."), say(OSLO), say("8.")])
    with Agent(llama, sandbox=None) as agent:
        assert agent.run("Oslo?", thread="t", output_type=Weather).parsed
        run = agent.run("Rome?", thread="t")
    assert (run.output, run.parsed, run.steps) == ("8.", None, 1)


def test_in_an_event_loop(tokenizer: PreTrainedTokenizerFast) -> None:
    llama = ScriptedLlama(tokenizer, [say("7."), say(OSLO)])
    with Agent(llama, sandbox=None) as agent:
        assert asyncio.run(agent.arun("Oslo?", output_type=Weather)).parsed.degrees == 7


@pytest.mark.parametrize("output_type", [{"type": "nonsense"}, object(), "text"])
def test_types_without_a_schema_are_refused(tokenizer: PreTrainedTokenizerFast, output_type: Any) -> None:
    with pytest.raises(InputError, match="has no JSON Schema"):
        asked(tokenizer, output_type=output_type)
