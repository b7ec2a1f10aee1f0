from __future__ import annotations

import gc
import itertools
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from llama3_prompts import (
    Codec,
    Event,
    Piece,
    StreamDecoder,
    StreamParser,
    TextDelta,
    ToolCallDelta,
    Transcript,
    parse,
)
from llama3_prompts._toolbox import Toolbox

from . import fuzz

Tools = Sequence[Callable[..., Any]]
T = "<|python_tag|>"


def run(
    chunks: Sequence[str | Piece], tools: Tools, *, truncated: bool = False
) -> tuple[list[Event], AIMessage]:
    return drain(StreamParser(tools), chunks, truncated=truncated)


def drain(
    parser: StreamParser, chunks: Sequence[str | Piece], *, truncated: bool = False
) -> tuple[list[Event], AIMessage]:
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    last, message = parser.end(truncated=truncated)
    return events + last, message


@pytest.fixture(scope="module")
def new_parser(llama3_tokenizer: Any, tools: Tools) -> Callable[[], StreamParser]:
    """Parsers that share their tools' schemas: making those takes longer than parsing."""
    builtins = ("brave_search", "wolfram_alpha")
    return Transcript(llama3_tokenizer, tools=tools, builtin_tools=builtins, code_interpreter=True).parser


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def args_of(events: Sequence[Event]) -> dict[int, tuple[str | None, str]]:
    calls: dict[int, tuple[str | None, str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            name, args = calls.get(event.index, (event.name, ""))
            assert event.index not in calls or event.name is None
            calls[event.index] = (name, args + event.args_delta)
    return calls


def test_text_flows_at_once() -> None:
    parser = StreamParser()
    assert parser.feed("Hel") == [TextDelta("Hel")]
    assert parser.feed("lo [1] {a} <") == [TextDelta("lo [1] {a} ")]
    assert parser.feed("b") == [TextDelta("<b")]


def test_code_flows_at_once() -> None:
    parser = StreamParser()
    assert parser.feed(T) == []
    assert parser.feed("import math") == [ToolCallDelta(0, "code_interpreter", "import math")]
    assert parser.feed("\nmath.pi") == [ToolCallDelta(0, None, "\nmath.pi")]


def test_json_arguments_flow_as_they_are_written(tools: Tools) -> None:
    parser = StreamParser(tools)
    assert parser.feed('{"name": "note", "parameters"') == []
    assert parser.feed(': {"text": "a') == [ToolCallDelta(0, "note", '{"text": "a')]
    assert parser.feed('b"') == [ToolCallDelta(0, None, 'b"')]
    assert parser.feed("}}") == [ToolCallDelta(0, None, "}")]
    assert parser.feed("; then") == [TextDelta("; then")]


def test_a_builtins_arguments_flow_where_no_code_can_come(tools: Tools) -> None:
    parser = StreamParser(tools, code_interpreter=False)
    assert parser.feed(T + "brave_search.call(query=") == []
    assert parser.feed('"lla') == [ToolCallDelta(0, "brave_search", 'query="lla')]
    assert parser.feed("ma") == [ToolCallDelta(0, None, "ma")]
    assert parser.feed('")') == [ToolCallDelta(0, None, '"')]
    assert parser.finish().tool_calls[0]["args"] == {"query": "llama"}


def test_without_the_tag_a_builtin_may_still_be_mentioned(tools: Tools) -> None:
    parser = StreamParser(tools)
    assert parser.feed('brave_search.call(query="x")') == []
    assert text_of(parser.feed(" is how")) == 'brave_search.call(query="x") is how'


def test_a_broken_tag_shows_no_closing_tag(tools: Tools) -> None:
    events, message = run(["<function=mix>{{", '"a": 1}</func', "tion>"], tools)
    assert args_of(events) == {0: ("mix", "{")}
    assert message.invalid_tool_calls[0]["args"] == '{{"a": 1}'


def test_a_call_within_a_call_is_not_the_one_that_was_told_of(tools: Tools) -> None:
    inner = '"function": {"name": "ping", "arguments": "{}"}'
    events, message = run([f'{{"name": "note", "parameters": {{"text": "5"}}, {inner}}}'], tools)
    assert [name for name, _ in args_of(events).values()] == ["note"]
    assert not message.tool_calls
    assert message.invalid_tool_calls[0]["name"] == "note"
    assert "names two tools" in str(message.invalid_tool_calls[0]["error"])


def test_an_indented_fence_closes_however_it_is_cut(tools: Tools) -> None:
    text = '~~~\nn\n  ~~~\n{"name": "ping", "parameters": {}}'
    for parts in ([text], list(text), [text[:7], text[7:]]):
        assert [call["name"] for call in run(parts, tools)[1].tool_calls] == ["ping"]


def test_a_second_name_does_not_change_the_first(tools: Tools) -> None:
    text = '{"name": "note", "arguments": {"text": "1"}, "name": "mix"}'
    for parts in ([text], list(text)):
        events, message = run(parts, tools)
        assert [name for name, _ in args_of(events).values()] == ["note"]
        assert message.invalid_tool_calls[0]["name"] == "note"
        assert "given twice" in str(message.invalid_tool_calls[0]["error"])


def test_data_flows_as_soon_as_it_cannot_be_a_call(tools: Tools) -> None:
    parser = StreamParser(tools)
    assert parser.feed('{"name": "desk", "le') == []
    assert text_of(parser.feed('gs": 4, ')) == '{"name": "desk", "legs": 4, '
    assert text_of(parser.feed('"more": 1} x')) == '"more": 1} x'


def test_a_control_token_cut_in_two(tools: Tools) -> None:
    events, message = run(["Hi<|py", "thon_tag|", ">1", "<|eom", "_id|>"], tools)
    assert events == [TextDelta("Hi"), ToolCallDelta(0, "code_interpreter", "1")]
    assert message.tool_calls[0]["args"] == {"code": "1"}


def test_typed_control_tokens_in_pieces_are_text(tools: Tools) -> None:
    pieces = [Piece(T, special=True), Piece(f"print('{T}<|eom_id|>')"), Piece("<|eom_id|>", special=True)]
    _, message = run(pieces, tools)
    assert message.tool_calls[0]["args"] == {"code": f"print('{T}<|eom_id|>')"}
    assert run([Piece(f"a {T} b")], tools)[1].content == f"a {T} b"


def test_ids_and_text_give_the_same(llama3_tokenizer: Any, tools: Tools) -> None:
    codec, decoder = Codec(llama3_tokenizer), StreamDecoder(llama3_tokenizer)
    for source in fuzz.FRAGMENTS:
        pieces = [piece for token in codec.encode(source) for piece in decoder.feed_piece(token)]
        if "<|" not in source:
            assert run(pieces, tools)[1] == parse(source, tools)


_MESSAGES = st.lists(
    st.one_of(
        st.sampled_from(fuzz.FRAGMENTS),
        st.sampled_from(fuzz.FRAGMENTS).flatmap(
            lambda text: st.integers(0, len(text)).map(lambda n: text[:n])
        ),
        st.sampled_from(fuzz.FRAGMENTS).flatmap(
            lambda text: st.integers(0, len(text)).map(lambda n: text[n:])
        ),
        st.text(max_size=5),
    ),
    max_size=7,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(message=_MESSAGES, cuts=st.lists(st.integers(0, 300)), truncated=st.booleans())
def test_any_chunks_give_what_the_whole_gives(
    new_parser: Callable[[], StreamParser], message: str, cuts: list[int], truncated: bool
) -> None:
    whole_events, whole = drain(new_parser(), [message], truncated=truncated)
    places = sorted({0, len(message), *(cut for cut in cuts if cut < len(message))})
    some = [message[a:b] for a, b in itertools.pairwise(places)]
    for chunks in (some, list(message)):
        events, result = drain(new_parser(), chunks, truncated=truncated)
        assert result == whole
        assert text_of(events) == text_of(whole_events) == result.content
        assert args_of(events) == args_of(whole_events)
    assert len(args_of(whole_events)) == len(whole.tool_calls) + len(whole.invalid_tool_calls)


def test_no_message_breaks_a_promise(tools: Tools) -> None:
    toolboxes = [Toolbox(tools, code_interpreter=enabled) for enabled in (True, False)]
    rng = random.Random(7)
    for _ in range(2000):
        text, truncated, toolbox = fuzz.message(rng), rng.random() < 0.2, rng.choice(toolboxes)
        assert fuzz.problem(toolbox, text, fuzz.chunks(rng, text), truncated=truncated) is None, text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="{[<")))
def test_prose_comes_back_unchanged(text: str) -> None:
    message = parse(text)
    if not text.lstrip().startswith(("brave_search.call(", "wolfram_alpha.call(", "code_interpreter.call(")):
        assert message == AIMessage(text)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(args=st.fixed_dictionaries({"text": st.text(), "meta": st.dictionaries(st.text(), _JSON, max_size=3)}))
@pytest.mark.parametrize("tag", ["", T])
def test_any_arguments_come_back(
    new_parser: Callable[[], StreamParser], tag: str, args: dict[str, Any]
) -> None:
    for ascii_only in (True, False):
        source = json.dumps({"name": "note", "parameters": args}, ensure_ascii=ascii_only)
        pieces = [Piece(T, special=True)] if tag else []
        message = drain(new_parser(), [*pieces, Piece(source)])[1]
        assert [call["args"] for call in message.tool_calls] == [args]


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_after_the_tag_nothing_is_lost(text: str) -> None:
    message = parse(f"{T}x = 1\n{text}")
    if "<|" not in text:
        assert message.tool_calls[0]["args"] == {"code": f"x = 1\n{text}"}


HARD = [
    "[",
    "{",
    '{"a":',
    '{"name":',
    '{"parameters":{',
    '{"name":"x","parameters":{}};',
    '{"name":"mix","parameters":{"a":[',
    '[{"name":"mix","parameters":{',
    '[{"name":"mix","parameters":{}},' + '{"name":"mix","parameters":{}},' * 600,
    "<function=",
    "<function=mix>{",
    "[mix(",
    "[mix(1),",
    "[ ",
    "brave_search.call(",
    "; ",
    '"',
    "\\",
    "<|",
    "'''",
    T,
    f"{T}[",
]


@pytest.mark.parametrize(
    ("head", "unit"), [*(("", unit) for unit in HARD), ("```json", " "), ("```json", "\t"), ("```", "x")]
)
def test_time_is_linear(tools: Tools, head: str, unit: str) -> None:
    def seconds(size: int) -> float:
        text = head + unit * (size // len(unit))
        gc.disable()  # a collection of all that the suite holds can take half a second
        try:
            start = time.process_time()
            run([text[i : i + 64] for i in range(0, len(text), 64)], tools)
            return time.process_time() - start
        finally:
            gc.enable()

    small = max(min(seconds(20_000) for _ in range(2)), 1e-3)
    assert seconds(80_000) < 12 * small + 0.1
