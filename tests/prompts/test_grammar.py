"""The grammar of calls against the parser: what it lets through binds, and what binds it lets through."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import llguidance.hf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from llguidance import LLMatcher, LLTokenizer
from pydantic import Field

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
    talk = Transcript(llama3_tokenizer, "3.1")
    assert talk.call_grammar() is None
    assert Transcript(llama3_tokenizer, "3.1", code_interpreter=True).call_grammar() is None
    with pytest.raises(ValueError, match="no such tool"):
        talk.call_grammar("required")


CODE = "<|python_tag|>x = {'a': 1}\nprint(x)"
SEARCH = '<|python_tag|>brave_search.call(query="rain in \\"Oslo\\"")'


@pytest.mark.parametrize(
    ("choice", "fitting"),
    [
        ("required", {CODE, SEARCH, '{"name": "now", "parameters": {}}'}),
        ("brave_search", {SEARCH}),
        ("code_interpreter", {CODE}),
        ("now", {'{"name": "now", "parameters": {}}'}),
    ],
)
def test_built_in_tools_and_code_can_be_asked_for(guided, llama3_tokenizer, choice, fitting):
    talk = conversation(
        llama3_tokenizer, "json", builtin_tools=("brave_search", "wolfram_alpha"), code_interpreter=True
    )
    grammar = talk.call_grammar(choice)
    wrong = {
        "It is noon.",
        "<|python_tag|>",
        "<|python_tag|>brave_search.call(5)",
        '<|python_tag|>{"name": "cook", "parameters": {}}',
        '<|python_tag|>brave_search.call(query="\\x")',
    }
    for text in {CODE, SEARCH, '{"name": "now", "parameters": {}}', *wrong}:
        assert accepts(guided, llama3_tokenizer, grammar, text) is (text in fitting)
    for text in fitting:
        message = parse(text, tools=TOOLS)
        assert len(message.tool_calls) == 1
        assert choice in ("required", message.tool_calls[0]["name"])


def test_a_built_in_call_is_held_to_its_form_once_begun(llama3_tokenizer):
    talk = conversation(llama3_tokenizer, "json", builtin_tools=("brave_search",))
    assert "brave_search.call(" in talk.call_grammar().openings
    alone = Transcript(llama3_tokenizer, "3.1", builtin_tools=("brave_search",))
    assert alone.call_grammar().openings == ("brave_search.call(",)


def order(
    amount: Annotated[int, Field(ge=1, le=12)],
    code: Annotated[str, Field(pattern="^[A-Z]{2}-[0-9]{3}$")],
    sizes: Annotated[list[float], Field(min_length=1, max_length=2)],
    note: Annotated[str, Field(max_length=4)] | None = None,
) -> str:
    """Order something."""
    return f"{amount} {code} {sizes} {note}"


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ('amount=12, code="AB-123", sizes=[1.5, 2]', True),
        ('amount=12, code="AB-123", sizes=[1.5], note="abcd"', True),
        ('amount=12, code="AB-123", sizes=[1.5], note=None', True),
        ('amount=13, code="AB-123", sizes=[1.5]', False),
        ('amount=0, code="AB-123", sizes=[1.5]', False),
        ('amount=1, code="ab-123", sizes=[1.5]', False),
        ('amount=1, code="AB-123", sizes=[]', False),
        ('amount=1, code="AB-123", sizes=[1, 2, 3]', False),
        ('amount=1, code="AB-123", sizes=[1], note="abcde"', False),
    ],
)
def test_bounds_hold_in_the_list_form_too(guided, llama3_tokenizer, arguments, fits):
    text = f"[order({arguments})]"
    grammar = Transcript(llama3_tokenizer, "3.2", tools=[order]).call_grammar("required")
    assert accepts(guided, llama3_tokenizer, grammar, text) is fits
    assert bool(parse(text, tools=[order], code_interpreter=False).tool_calls) is fits


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
