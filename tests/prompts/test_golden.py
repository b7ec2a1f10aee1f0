"""Whole conversations of every family, written out by hand and encoded by tiktoken itself."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
import tiktoken
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from tiktoken.load import load_tiktoken_bpe

from llama3_prompts import Transcript

from ..conftest import SPECIALS, SPLIT, vocabulary

DAY = datetime.date(2026, 11, 21)
DATES = "Cutting Knowledge Date: December 2023\nToday Date: 21 November 2026"
JSON_CALLS = (
    "You can call these functions. To call one, answer with nothing but JSON of the form "
    '{"name": function name, "parameters": {argument name: value}}.'
)
LIST_CALLS = (
    "You can call these functions. Call them only when the question needs them and every required argument "
    "is known. To call, answer with nothing but a list of calls of the form "
    "[name1(argument1=value1, argument2=value2), name2(argument=value)], values written as in Python."
)
PING_SCHEMA = (
    '{"type": "function", "function": {"name": "ping", "description": "Says whether it is there.", '
    '"parameters": {"properties": {"times": {"type": "integer"}}, "required": ["times"], "type": "object"}}}'
)
PING_IN_A_LIST = """\
[
    {
        "name": "ping",
        "description": "Says whether it is there.",
        "parameters": {
            "properties": {
                "times": {
                    "type": "integer"
                }
            },
            "required": [
                "times"
            ],
            "type": "dict"
        }
    }
]"""


def ping(times: int) -> str:
    """Says whether it is there."""
    return "pong" * times


@pytest.fixture(scope="module")
def encode() -> Callable[[str], list[int]]:
    encoding = tiktoken.Encoding(
        "llama3",
        pat_str=SPLIT,
        mergeable_ranks=load_tiktoken_bpe(str(vocabulary())),
        special_tokens={name: 128_000 + i for i, name in enumerate(SPECIALS)},
    )
    return lambda text: encoding.encode(text, allowed_special="all")


def turn(role: str, body: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n{body}"


def made(tokenizer: Any, family: str, **options: Any) -> Transcript:
    return Transcript(tokenizer, family, instructions="Be brief.", today=DAY, **options)


def test_anchors(encode: Callable[[str], list[int]]) -> None:
    """Ids that Meta's own documentation and everyone's checkpoints show."""
    assert encode("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHello!<|eot_id|>") == [
        *(128000, 128006, 882, 128007, 271),
        *(9906, 0, 128009),
    ]
    assert encode("<|eom_id|><|python_tag|><|end_of_text|>") == [128008, 128010, 128001]


def test_family_3(llama3_tokenizer: Any, encode: Callable[[str], list[int]]) -> None:
    transcript = made(llama3_tokenizer, "3")
    transcript.append(HumanMessage("Grüezi 🦙"))
    transcript.append(AIMessage("Hoi."))
    expected = [
        "<|begin_of_text|>" + turn("system", "Be brief.<|eot_id|>"),
        turn("user", "Grüezi 🦙<|eot_id|>"),
        turn("assistant", "Hoi.<|eot_id|>"),
    ]
    assert list(transcript.ids) == encode("".join(expected))


def test_family_3_1_with_everything(llama3_tokenizer: Any, encode: Callable[[str], list[int]]) -> None:
    transcript = made(
        llama3_tokenizer, "3.1", tools=[ping], builtin_tools=["brave_search"], code_interpreter=True
    )
    head = f"Environment: ipython\nTools: brave_search\n{DATES}\n\nBe brief.\n\n{JSON_CALLS}\n\n{PING_SCHEMA}"
    expected = "<|begin_of_text|>" + turn("system", f"{head}<|eot_id|>")
    calls = [
        'brave_search.call(query="llama wool price")<|eom_id|>',
        "import math\nprint(math.pi)<|eom_id|>",
        '{"type": "function", "name": "ping", "parameters": {"times": 3}}<|eom_id|>',
    ]
    names = ["brave_search", "code_interpreter", "ping"]
    for body, name in zip(calls, names, strict=True):
        transcript.append(HumanMessage("Go on."))
        assert transcript.open_assistant() == encode(
            expected + turn("user", "Go on.<|eot_id|>") + turn("assistant", "")
        )
        message = transcript.add_generated(encode(f"<|python_tag|>{body}"))
        assert [call["name"] for call in message.tool_calls] == [name]
        transcript.append(ToolMessage("12\n<b>", tool_call_id=str(message.tool_calls[0]["id"])))
        transcript.add_generated(encode("It is 12.<|eot_id|>"))
        expected += turn("user", "Go on.<|eot_id|>") + turn("assistant", f"<|python_tag|>{body}")
        expected += turn("ipython", "12\n<b><|eot_id|>") + turn("assistant", "It is 12.<|eot_id|>")
    assert list(transcript.ids) == encode(expected)


@pytest.mark.parametrize("place", ["system", "user"])
def test_custom_tools_of_3_1_alone(
    llama3_tokenizer: Any, encode: Callable[[str], list[int]], place: Any
) -> None:
    transcript = made(llama3_tokenizer, "3.1", tools=[ping], tools_in=place)
    transcript.append(HumanMessage("Ping twice."))
    transcript.append(AIMessage("", tool_calls=[{"name": "ping", "args": {"times": 2}, "id": "1"}]))
    declared = f"{JSON_CALLS}\n\n{PING_SCHEMA}"
    system = f"{DATES}\n\nBe brief." + (f"\n\n{declared}" if place == "system" else "")
    expected = "<|begin_of_text|>" + turn("system", f"{system}<|eot_id|>")
    expected += turn("user", f"{declared}<|eot_id|>") if place == "user" else ""
    expected += turn("user", "Ping twice.<|eot_id|>")
    expected += turn("assistant", '{"name": "ping", "parameters": {"times": 2}}<|eot_id|>')
    assert list(transcript.ids) == encode(expected)


@pytest.mark.parametrize("family", ["3.2", "3.3"])
def test_lists_of_3_2_and_3_3(llama3_tokenizer: Any, encode: Callable[[str], list[int]], family: str) -> None:
    transcript = made(llama3_tokenizer, family, tools=[ping])
    transcript.append(HumanMessage("Ping once, then twice."))
    message = transcript.add_generated(encode("[ping(times=1), ping(times=2)]<|eot_id|>"))
    for call in message.tool_calls:
        transcript.append(ToolMessage("pong", tool_call_id=str(call["id"])))
    transcript.append(AIMessage("Done."))
    expected = [
        "<|begin_of_text|>" + turn("system", f"Be brief.\n\n{LIST_CALLS}\n\n{PING_IN_A_LIST}<|eot_id|>"),
        turn("user", "Ping once, then twice.<|eot_id|>"),
        turn("assistant", "[ping(times=1), ping(times=2)]<|eot_id|>"),
        turn("ipython", "pong<|eot_id|>") * 2,
        turn("assistant", "Done.<|eot_id|>"),
    ]
    assert list(transcript.ids) == encode("".join(expected))


def test_tags(llama3_tokenizer: Any, encode: Callable[[str], list[int]]) -> None:
    transcript = made(llama3_tokenizer, "3.1", tools=[ping], dialect="tag")
    transcript.append(HumanMessage("Ping."))
    transcript.append(AIMessage("", tool_calls=[{"name": "ping", "args": {"times": 1}, "id": "1"}]))
    declared = (
        "You can call these functions. To call one, answer with nothing but one line of the form "
        '<function=name>{"argument name": value}</function>, with every required argument.\n\n'
        'ping: Says whether it is there.\n{"name": "ping", "description": "Says whether it is there.", '
        '"parameters": {"times": {"param_type": "integer", "required": true}}}'
    )
    expected = [
        "<|begin_of_text|>" + turn("system", f"{DATES}\n\nBe brief.\n\n{declared}<|eot_id|>"),
        turn("user", "Ping.<|eot_id|>"),
        turn("assistant", '<function=ping>{"times": 1}</function><|eot_id|>'),
    ]
    assert list(transcript.ids) == encode("".join(expected))


def test_pictures_of_3_2(llama3_tokenizer: Any, encode: Callable[[str], list[int]]) -> None:
    transcript = made(llama3_tokenizer, "3.2")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    transcript.append(HumanMessage([picture, {"type": "text", "text": "What is it?"}, picture]))
    transcript.add_generated(encode("A llama.<|eot_id|>"))
    expected = [
        "<|begin_of_text|>" + turn("system", f"{DATES}\n\nBe brief.<|eot_id|>"),
        turn("user", "<|image|><|image|>What is it?<|eot_id|>"),
        turn("assistant", "A llama.<|eot_id|>"),
    ]
    assert list(transcript.ids) == encode("".join(expected))
