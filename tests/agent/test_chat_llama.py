"""`ChatLlama` as programs made with LangChain use it: exact ids, chunks that add up, unreadable calls."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from functools import reduce
from operator import add
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel
from transformers import PreTrainedTokenizerFast

from llama3_agent import ChatLlama, ConfigurationError, ScriptedLlama
from llama3_agent.middleware import MendCalls

from .conftest import say

CALL = '{"name": "get_weather", "parameters": {"city": "Lima"}}<|eot_id|>'
BAD = '{"name": "get_weather", "parameters": {"city": }}<|eot_id|>'


def get_weather(city: str) -> str:
    """Get the weather.

    Args:
        city: Where.
    """
    return f"{city}: sunny"


class Weather(BaseModel):
    """What it is like."""

    city: str
    degrees: int


def chat(tokenizer: Any, *replies: Any, **settings: Any) -> tuple[ChatLlama, ScriptedLlama]:
    llama = ScriptedLlama(tokenizer, replies)
    return ChatLlama(llama, **settings), llama


def whole(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    return reduce(add, chunks)


def test_an_answer_and_what_it_cost(tokenizer: PreTrainedTokenizerFast) -> None:
    model, llama = chat(tokenizer, say("Hello."))
    message = model.invoke([SystemMessage("Be brief."), HumanMessage("Hi")])
    assert message.text == "Hello."
    assert message.response_metadata == {"model_name": "llama-3.1", "finish_reason": "stop"}
    assert message.usage_metadata
    assert message.usage_metadata["input_tokens"] == len(llama.prompts[0])
    assert "Be brief." in tokenizer.decode(llama.prompts[0])


def test_what_it_wrote_goes_back_as_the_ids_that_it_wrote(tokenizer: PreTrainedTokenizerFast) -> None:
    odd = ' {"name":"get_weather" , "parameters":{"city" :"Lima"} }<|eot_id|>'
    model, llama = chat(tokenizer, odd, say("Sunny."))
    bound = model.bind_tools([get_weather])
    asked = HumanMessage("Weather in Lima?")
    called = bound.invoke([asked])
    answer = bound.invoke([asked, called, ToolMessage("sunny", tool_call_id=called.tool_calls[0]["id"])])
    first, second = llama.prompts
    written = tuple(called.additional_kwargs["llama3_ids"])
    assert second[: len(first) + len(written)] == first + written
    assert answer.usage_metadata
    cached = answer.usage_metadata["input_token_details"]["cache_read"]
    assert cached == len(first) + len(written) - 1


def test_a_message_that_was_changed_is_written_anew(tokenizer: PreTrainedTokenizerFast) -> None:
    model, llama = chat(tokenizer, say("Secret."), say("Ok."))
    answer = model.invoke("Hi")
    answer.content = "[removed]"
    model.invoke([HumanMessage("Hi"), answer, HumanMessage("And?")])
    prompt = tokenizer.decode(llama.prompts[1])
    assert "[removed]" in prompt
    assert "Secret" not in prompt


def test_chunks_add_up_to_the_message(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "I look.\n" + CALL
    model, _ = chat(tokenizer, text, text, say("It is sunny, né?"))
    bound = model.bind_tools([get_weather])
    message = bound.invoke("Weather in Lima?")
    chunks = list(bound.stream("Weather in Lima?"))
    together = whole(chunks)
    assert together.tool_calls == message.tool_calls
    assert together.tool_calls[0]["args"] == {"city": "Lima"}
    assert together.text == message.text
    assert together.usage_metadata
    named = next(chunk for chunk in chunks if chunk.tool_call_chunks)
    assert named.tool_call_chunks[0]["name"] == "get_weather"
    words = list(model.stream("And?"))
    assert whole(words).text == "It is sunny, né?"
    assert len(words) > 5


def test_several_calls_have_ids_of_their_own(tokenizer: PreTrainedTokenizerFast) -> None:
    two = CALL.replace("<|eot_id|>", "; ") + CALL.replace("Lima", "Oslo")
    model, _ = chat(tokenizer, two, two)
    bound = model.bind_tools([get_weather])
    for message in (bound.invoke("Both?"), whole(list(bound.stream("Both?")))):
        assert [call["args"]["city"] for call in message.tool_calls] == ["Lima", "Oslo"]
        assert [call["id"] for call in message.tool_calls] == ["call_1", "call_2"]


def test_numbers_of_calls_go_on_from_those_before(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer, CALL)
    call = {"name": "get_weather", "args": {"city": "Rome"}, "id": "call_7", "type": "tool_call"}
    history = [HumanMessage("?"), AIMessage("", tool_calls=[call]), ToolMessage("x", tool_call_id="call_7")]
    assert model.bind_tools([get_weather]).invoke(history).tool_calls[0]["id"] == "call_8"


def test_a_call_that_cannot_be_read_is_no_call(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer, BAD, BAD)
    bound = model.bind_tools([get_weather])
    message = bound.invoke("Weather?")
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["error"]
    streamed = whole(list(bound.stream("Weather?")))
    assert streamed.tool_calls == []
    assert len(streamed.invalid_tool_calls) == 1


def test_half_a_call_is_no_call(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer, CALL, CALL, max_tokens=45)
    bound = model.bind_tools([get_weather])
    for message in (bound.invoke("Weather?"), whole(list(bound.stream("Weather?")))):
        assert message.tool_calls == []
        assert message.invalid_tool_calls
        assert message.response_metadata["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("choice", "openings"), [("any", 0), ("get_weather", 0), (True, 0), ("auto", 2), (None, 2)]
)
def test_tool_choice_is_a_grammar(tokenizer: PreTrainedTokenizerFast, choice: Any, openings: int) -> None:
    model, llama = chat(tokenizer, CALL)
    model.bind_tools([get_weather], tool_choice=choice).invoke("Hi")
    grammar = llama.grammars[0]
    assert grammar is not None
    assert len(grammar.openings) == openings


def test_no_tools_are_offered_where_none_is_to_be_called(tokenizer: PreTrainedTokenizerFast) -> None:
    model, llama = chat(tokenizer, say("Hi."))
    model.bind_tools([get_weather], tool_choice="none").invoke("Hi")
    assert "get_weather" not in tokenizer.decode(llama.prompts[0])
    assert llama.grammars == [None]


def test_choices_that_cannot_be_kept_are_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer)
    with pytest.raises(ConfigurationError, match="one of: get_weather"):
        model.bind_tools([get_weather], tool_choice="get_wether")
    free, _ = chat(tokenizer, constrain=False)
    with pytest.raises(ConfigurationError, match="grammar"):
        free.bind_tools([get_weather], tool_choice="any")
    with pytest.raises(ConfigurationError, match="grammar"):
        free.with_structured_output(Weather)


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_structured_output(tokenizer: PreTrainedTokenizerFast, method: Any) -> None:
    fields = '{"city": "Oslo", "degrees": 7}'
    called = f'{{"name": "Weather", "parameters": {fields}}}'
    model, llama = chat(tokenizer, say(called if method == "function_calling" else fields))
    found = model.with_structured_output(Weather, method=method).invoke("What is it like in Oslo?")
    assert found == Weather(city="Oslo", degrees=7)
    assert llama.grammars[0] is not None
    assert llama.grammars[0].openings == ()


def test_structured_output_with_what_it_was_read_from(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer, say("{}"))
    found = model.with_structured_output(Weather, include_raw=True).invoke("Oslo?")
    assert found["parsed"] is None
    assert "city" in str(found["parsing_error"])
    assert found["raw"].text == "{}"


@pytest.mark.parametrize("stop", [["sunny"], ["sun"], ["x", "nny"]])
def test_stop_sequences_end_an_answer_and_are_no_part_of_it(
    tokenizer: PreTrainedTokenizerFast, stop: list[str]
) -> None:
    model, _ = chat(tokenizer, *[say("It is sunny in Lima.")] * 2)
    said = "It is sunny in Lima.".partition(stop[-1])[0]
    assert model.invoke("?", stop=stop).text == said
    assert whole(list(model.stream("?", stop=stop))).text == said


def test_a_stop_sequence_that_does_not_come_holds_nothing_back(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer, say("so su sun"))
    assert model.invoke("?", stop=["sunny"]).text == "so su sun"


def test_too_late_is_told(tokenizer: PreTrainedTokenizerFast) -> None:
    def slow(_: str) -> str:
        time.sleep(0.3)
        return say("word " * 1_000)

    model, _ = chat(tokenizer, slow, timeout=0.1)
    with pytest.raises(TimeoutError, match=r"within 0\.1 s"):
        model.invoke("?")


def test_leaving_a_stream_ends_the_generation(tokenizer: PreTrainedTokenizerFast) -> None:
    model, llama = chat(tokenizer, say("word " * 1_500), max_tokens=7_000)
    stream = model.stream("?")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert llama.stats().generated_tokens < 7_000


def test_requests_at_once_have_sessions_of_their_own(tokenizer: PreTrainedTokenizerFast) -> None:
    together = threading.Barrier(3, timeout=10)

    def meet(_: str) -> str:
        together.wait()
        return say("Hi.")

    model, llama = chat(tokenizer, *[meet] * 3, say("Hi."))

    async def all_at_once(model: ChatLlama) -> list[AIMessage]:
        return await asyncio.gather(*(model.ainvoke(f"{n}") for n in range(3)))

    assert [message.text for message in asyncio.run(all_at_once(model))] == ["Hi."] * 3
    assert len(set(llama.sessions)) == 3
    model.invoke("one more")
    assert len(set(llama.sessions)) == 3
    del model
    gc.collect()
    assert llama.stats().sessions == 0


def test_create_agent_is_driven(tokenizer: PreTrainedTokenizerFast) -> None:
    model, llama = chat(tokenizer, CALL, say("It is sunny in Lima."))
    agent = create_agent(model, [get_weather])
    state = agent.invoke({"messages": [HumanMessage("Weather in Lima?")]})
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert state["messages"][2].content == "Lima: sunny"
    assert state["messages"][3].content == "It is sunny in Lima."
    first, second = llama.prompts
    assert second[: len(first)] == first


def test_create_agent_goes_on_after_a_call_that_cannot_be_read(tokenizer: PreTrainedTokenizerFast) -> None:
    model, _ = chat(tokenizer, BAD, CALL, say("Sunny."))
    agent = create_agent(model, [get_weather], middleware=[MendCalls()])
    messages = agent.invoke({"messages": [HumanMessage("Weather in Lima?")]})["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert messages[2].content.startswith("error: ")
    assert messages[-1].content == "Sunny."


def test_create_agent_does_not_go_on_forever(tokenizer: PreTrainedTokenizerFast) -> None:
    model, llama = chat(tokenizer, *[BAD] * 9)
    agent = create_agent(model, [get_weather], middleware=[MendCalls(attempts=2)])
    agent.invoke({"messages": [HumanMessage("Weather in Lima?")]})
    assert len(llama.prompts) == 2
