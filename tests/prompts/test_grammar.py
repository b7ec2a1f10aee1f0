"""The grammar of calls against the parser: what it lets through binds, and what binds it lets through."""

from __future__ import annotations

import json
from typing import Literal

import llguidance.hf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from llguidance import LLMatcher, LLTokenizer

from llama3_prompts import Transcript, json_grammar, parse


def book(
    room: str, nights: int, view: Literal["sea", "it's dark"] = "sea", extras: list[str] | None = None
) -> str:
    """Book a room."""
    return f"{room} {nights} {view} {extras}"


def now() -> str:
    """The time."""
    return "12:00"


TOOLS = (book, now)
DIALECTS = ("json", "list", "tag")
ARGUMENTS = st.fixed_dictionaries(
    {"room": st.text(st.characters(codec="utf-8", exclude_categories=("C",))), "nights": st.integers()},
    optional={
        "view": st.sampled_from(["sea", "it's dark"]),
        "extras": st.none() | st.lists(st.text("abc'\" ")),
    },
)


@pytest.fixture(scope="module")
def guided(llama3_tokenizer) -> LLTokenizer:
    """The vocabulary as llguidance sees it."""
    return llguidance.hf.from_tokenizer(llama3_tokenizer)


def accepts(guided: LLTokenizer, tokenizer, grammar, text: str) -> bool:
    """Whether some form of the grammar takes the whole text as a finished message."""
    return accepts_ids(guided, grammar, tokenizer.encode(text, add_special_tokens=False))


def accepts_ids(guided: LLTokenizer, grammar, ids: list[int]) -> bool:
    """The same of ids, in which typed control tokens are apart from real ones."""
    for lark in grammar.lark:
        matcher = LLMatcher(guided, LLMatcher.grammar_from_lark(lark), log_level=0)
        assert not matcher.is_error(), matcher.get_error()
        if matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting():
            return True
    return False


def in_order(args: dict[str, object]) -> dict[str, object]:
    """The arguments in the order of the declaration, which is the one that a grammar allows."""
    return {name: args[name] for name in ("room", "nights", "view", "extras") if name in args}


def conversation(tokenizer, dialect, **options) -> Transcript:
    return Transcript(tokenizer, "3.1", tools=TOOLS, dialect=dialect, **options)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_grammar_compiles_without_a_warning(guided, llama3_tokenizer, dialect):
    for lark in conversation(llama3_tokenizer, dialect).call_grammar().lark:
        assert LLMatcher.validate_grammar_with_warnings(LLMatcher.grammar_from_lark(lark), guided) == (
            False,
            [],
        )


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=40)
@given(calls=st.lists(ARGUMENTS | st.none(), min_size=1, max_size=3))
def test_what_a_transcript_writes_fits_the_grammar(guided, llama3_tokenizer, dialect, calls):
    talk = conversation(llama3_tokenizer, dialect)
    made = [
        {"name": "now" if args is None else "book", "args": in_order(args or {}), "id": f"call_{i}"}
        for i, args in enumerate(calls)
    ]
    grammar = talk.call_grammar()
    talk.append(AIMessage("", tool_calls=made))
    body = talk.ids[talk.spans[-1].start + len(talk.codec.header("assistant")) : -1]
    assert accepts_ids(guided, grammar, list(body))


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("json", '{"name": "book", "parameters": {"room": "a"}}'),
        ("json", '{"name": "book", "parameters": {"room": "a", "nights": "2"}}'),
        ("json", '{"name": "book", "parameters": {"room": "a", "nights": 2, "view": "hill"}}'),
        ("json", '{"name": "book", "parameters": {"room": "a", "nights": 2, "bed": 1}}'),
        ("json", '{"name": "cook", "parameters": {}}'),
        ("json", '{"name": "now", "parameters": {}'),
        ("tag", '<function=book>{"room": "a"}</function>'),
        ("tag", "<function=now>{}"),
        ("list", "[book(nights=2)]"),
        ("list", "[book(room='a', nights=2.5)]"),
        ("list", "[now()"),
        ("list", "[]"),
    ],
)
def test_what_does_not_bind_does_not_fit(guided, llama3_tokenizer, dialect, text):
    assert not accepts(guided, llama3_tokenizer, conversation(llama3_tokenizer, dialect).call_grammar(), text)


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("json", '{"name":"book","parameters":{"room":"a","nights":2}}'),
        (
            "json",
            '{\n    "name": "book",\n    "arguments": {\n        "room": "a",\n        "nights": 2\n    }\n}',
        ),
        ("json", '{"type": "function", "name": "now", "parameters": {}}; {"name": "now", "parameters": {}}'),
        ("json", '<|python_tag|>{"name": "now", "parameters": {}}'),
        ("tag", '<function=book>{"room":"a","nights":2}</function><function=now>{}</function>'),
        ("list", "[book(room='a', nights=-2, view=\"it's dark\"), now()]"),
        ("list", "[book(room='a\\'b', nights=2, extras=['x', \"y\"])]"),
    ],
)
def test_other_ways_to_write_a_call_fit(guided, llama3_tokenizer, dialect, text):
    assert accepts(guided, llama3_tokenizer, conversation(llama3_tokenizer, dialect).call_grammar(), text)
    message = parse(text, tools=TOOLS, code_interpreter=False)
    assert message.tool_calls
    assert not message.invalid_tool_calls


def test_a_required_tool_leaves_out_the_others(guided, llama3_tokenizer):
    grammar = conversation(llama3_tokenizer, "json").call_grammar("now")
    assert grammar.openings == ()
    assert accepts(guided, llama3_tokenizer, grammar, '{"name": "now", "parameters": {}}')
    assert not accepts(
        guided, llama3_tokenizer, grammar, '{"name": "book", "parameters": {"room": "a", "nights": 2}}'
    )


def test_without_tools_there_is_nothing_to_hold_to(llama3_tokenizer):
    talk = Transcript(llama3_tokenizer, "3.1", code_interpreter=True)
    assert talk.call_grammar() is None
    with pytest.raises(ValueError, match="no such tool"):
        talk.call_grammar("required")


def test_a_choice_that_is_no_tool_is_told(llama3_tokenizer):
    with pytest.raises(ValueError, match="'cook'"):
        conversation(llama3_tokenizer, "json").call_grammar("cook")


def test_what_a_schema_says_beside_types_is_kept(guided, llama3_tokenizer):
    schema = {
        "name": "rate",
        "description": "Rate it.",
        "parameters": {
            "type": "object",
            "properties": {
                "stars": {"type": "integer", "minimum": 1, "maximum": 5},
                "where": {"$ref": "#/$defs/place"},
            },
            "required": ["stars"],
            "$defs": {
                "place": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
            },
        },
    }
    grammar = Transcript(llama3_tokenizer, "3.1", tools=[schema], dialect="json").call_grammar()
    for args, fits in (
        ({"stars": 5}, True),
        ({"stars": 6}, False),
        ({"stars": 1, "where": {"city": "Oslo"}}, True),
        ({"stars": 1, "where": {}}, False),
    ):
        assert (
            accepts(guided, llama3_tokenizer, grammar, json.dumps({"name": "rate", "parameters": args}))
            is fits
        )


@pytest.mark.parametrize(("dialect", "text"), [("list", "[now()]"), ("tag", "<function=now>{}</function>")])
def test_only_json_may_follow_the_mark_for_code(guided, llama3_tokenizer, dialect, text):
    grammar = conversation(llama3_tokenizer, dialect).call_grammar("required")
    assert accepts(guided, llama3_tokenizer, grammar, text)
    assert not accepts(guided, llama3_tokenizer, grammar, f"<|python_tag|>{text}")


def test_objects_of_an_answer_are_closed_and_nothing_else_is_changed() -> None:
    inner = {"type": "object", "properties": {"properties": {"enum": [{"properties": 1}]}}}
    schema = {"$defs": {"properties": inner}, "items": {"$ref": "#/$defs/properties"}, "type": "array"}
    (lark,) = json_grammar(schema).lark
    told = json.loads(lark.removeprefix("start: %json "))
    del told["x-guidance"]
    closed = {**inner, "additionalProperties": False}
    assert told == {**schema, "$defs": {"properties": closed}}
    free = {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}
    assert '"additionalProperties": {"type": "string"}' in json_grammar(free).lark[0]
