"""What each kind of message is read as. The tools are those of conftest.py, and both built-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field, field_validator

from llama3_prompts import parse

from .conftest import note

T = "<|python_tag|>"
CODE = "code_interpreter"
Tools = Sequence[Callable[..., Any]]


@dataclass(frozen=True)
class Case:
    name: str
    text: str
    content: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bad: list[tuple[str | None, str]] = field(default_factory=list)


def code(source: str) -> list[tuple[str, dict[str, Any]]]:
    return [(CODE, {"code": source})]


MIX = ("mix", {"a": 1, "n": 2})
MIX_JSON = '{"name": "mix", "parameters": {"a": 1, "n": 2}}'
PING = '{"name": "ping", "parameters": {}}'

CASES = [
    # Answers.
    Case("answer", "Hello there.<|eot_id|>", "Hello there."),
    Case("nothing", "<|eot_id|>"),
    Case("white space is kept", "\n hi \n", "\n hi \n"),
    Case("quoted builtin", 'Try brave_search.call(query="x").', 'Try brave_search.call(query="x").'),
    Case(
        "builtin, then prose", 'brave_search.call(query="x") does it', 'brave_search.call(query="x") does it'
    ),
    Case("bracketed prose", "[refer to (annex) first]", "[refer to (annex) first]"),
    Case("JSON data", '{"name": "oak desk", "legs": 4}', '{"name": "oak desk", "legs": 4}'),
    Case("call inside data", f'{{"legs": {MIX_JSON}}}', f'{{"legs": {MIX_JSON}}}'),
    Case("call in backticks", f"`{MIX_JSON}`", f"`{MIX_JSON}`"),
    Case("list of data", '[{"a": 1}, {"b": 2}]', '[{"a": 1}, {"b": 2}]'),
    Case(
        "unknown tool in prose", 'A {"name": "x", "parameters": {}} b', 'A {"name": "x", "parameters": {}} b'
    ),
    Case("unknown, then prose", '{"name": "x", "parameters": {}} ok', '{"name": "x", "parameters": {}} ok'),
    Case("a number", "3.5", "3.5"),
    Case("less than", "a < b and <function", "a < b and <function"),
    Case("tag in prose", "The <function=mix> tag", "The <function=mix> tag"),
    Case(
        "a tool's own schema",
        '{"name": "mix", "description": "", "parameters": {"a": 1, "n": 2}}',
        '{"name": "mix", "description": "", "parameters": {"a": 1, "n": 2}}',
    ),
    Case("Python list in prose", "[mix(a, b) for a in x]", "[mix(a, b) for a in x]"),
    # Fences around calls belong to them; around anything else they are text.
    Case("fenced JSON", f"```json\n{MIX_JSON}\n```<|eot_id|>", calls=[MIX]),
    Case("fenced, no language", f"```\n{MIX_JSON}```", calls=[MIX]),
    Case("fenced list", "```python\n[mix(a=1, n=2), ping()]\n```", calls=[MIX, ("ping", {})]),
    Case("fenced search", '```\nbrave_search.call(query="x")\n```', calls=[("brave_search", {"query": "x"})]),
    Case("fenced between words", f"So:\n```json\n{MIX_JSON}\n```\nDone.", "So:\n\nDone.", [MIX]),
    Case("two fenced calls", f"```json\n{MIX_JSON}\n```\n```json\n{PING}\n```", calls=[MIX, ("ping", {})]),
    Case("calls in one fence", f"```json\n{MIX_JSON}\n{PING}\n```", calls=[MIX, ("ping", {})]),
    Case("fence of tildes", f"~~~json\n{MIX_JSON}\n~~~", calls=[MIX]),
    Case("fence of four", f"````\n{MIX_JSON}\n````\nok", "\nok", [MIX]),
    Case("a fence in a fence", f"````\n```\n{MIX_JSON}\n```\n````", f"````\n```\n{MIX_JSON}\n```\n````"),
    Case("the other fence", f"~~~\n```\n{MIX_JSON}\n~~~", f"~~~\n```\n{MIX_JSON}\n~~~"),
    Case("struck out", "~~no~~ ~ yes\n~\n~~ no", "~~no~~ ~ yes\n~\n~~ no"),
    Case("fenced code, tildes", T + "~~~python\nprint(1)\n~~~", calls=code("print(1)")),
    Case("fence left open", f"```json\n{MIX_JSON}", calls=[MIX]),
    Case("fenced, unknown", '```\n{"name": "x", "parameters": {}}\n```', bad=[("x", "unknown tool")]),
    Case(
        "fenced, unknown, then prose",
        '```\n{"name": "x", "parameters": {}}\n```\nok',
        '```\n{"name": "x", "parameters": {}}\n```\nok',
    ),
    Case("fenced data", 'So:\n```json\n{"a": 1}\n```\nok', 'So:\n```json\n{"a": 1}\n```\nok'),
    Case("fenced prose", "```text\nhello\n```", "```text\nhello\n```"),
    Case("an empty fence", "```json\n```", "```json\n```"),
    Case("a fence after a call", f"{PING}\n```", "\n```", [("ping", {})]),
    Case("half a fence", "a\n``", "a\n``"),
    Case("ticks at the start of a line", f"`{MIX_JSON}`\n`a`", f"`{MIX_JSON}`\n`a`"),
    Case("fenced code without the tag", "```python\nprint(1)\n```", "```python\nprint(1)\n```"),
    Case("fenced code", T + "```python\nprint(1)\n\nx\n```<|eom_id|>", calls=code("print(1)\n\nx")),
    Case("fenced code, left open", T + "```\nprint(1)", calls=code("print(1)")),
    Case("an empty fence of code", T + "```python\n```", bad=[(CODE, "no code was written")]),
    # Code is code.
    Case("code", T + "print(1)\n<|eom_id|>", calls=code("print(1)\n")),
    Case("text, then code", f"So: {T}print(1)<|eom_id|>", "So: ", code("print(1)")),
    Case(
        "code that names a tag",
        T + 's = "<function=mix>{}</function>"',
        calls=code('s = "<function=mix>{}</function>"'),
    ),
    Case("comprehension", T + "[f(v) for v in rows]", calls=code("[f(v) for v in rows]")),
    Case("comprehension of a tool", T + "[mix(v, 1) for v in rows]", calls=code("[mix(v, 1) for v in rows]")),
    Case("somebody's call", T + 'r = pool.call(query="x")', calls=code('r = pool.call(query="x")')),
    Case(
        "call and more",
        T + 'brave_search.call(query="x").strip()',
        calls=code('brave_search.call(query="x").strip()'),
    ),
    Case("dict comprehension", T + "{k: v for k, v in x}", calls=code("{k: v for k, v in x}")),
    Case("dict, indexed", T + '{"a": 1}["a"]', calls=code('{"a": 1}["a"]')),
    Case("a set", T + '{"a", "b"}', calls=code('{"a", "b"}')),
    Case("a list", T + "[1, 2]", calls=code("[1, 2]")),
    Case("a call, then code", T + MIX_JSON[:-1] + ", **x}", bad=[("mix", "not valid JSON")]),
    Case("JSON inside code", T + f"x = {MIX_JSON}", calls=code(f"x = {MIX_JSON}")),
    Case("two tags", f"{T}a = 1<|eom_id|>{T}a", calls=[*code("a = 1"), *code("a")]),
    Case("an empty tag", T + " <|eom_id|>", bad=[(CODE, "no code was written")]),
    Case(
        "code as a call", T + 'code_interpreter.call(code="print(\\"a\\")\\nx")', calls=code('print("a")\nx')
    ),
    Case("code as JSON", '{"name": "code_interpreter", "parameters": {"code": "1"}}', calls=code("1")),
    # Built-in tools.
    Case(
        "search",
        T + 'brave_search.call(query="tide times")<|eom_id|>',
        calls=[("brave_search", {"query": "tide times"})],
    ),
    Case(
        "single quotes",
        T + "brave_search.call(query='the \"big\" one')",
        calls=[("brave_search", {"query": 'the "big" one'})],
    ),
    Case(
        "escapes",
        T + r'wolfram_alpha.call(query="a \"b\" \u00e9 \n")',
        calls=[("wolfram_alpha", {"query": 'a "b" é \n'})],
    ),
    Case("another keyword", T + 'brave_search.call(q="x")', calls=[("brave_search", {"query": "x"})]),
    Case("no keyword", T + 'brave_search.call("x")', calls=[("brave_search", {"query": "x"})]),
    Case(
        "without the tag", 'brave_search.call(query="x")<|eom_id|>', calls=[("brave_search", {"query": "x"})]
    ),
    Case(
        "two searches",
        T + 'brave_search.call(query="x"); brave_search.call(query="y")',
        calls=[("brave_search", {"query": "x"}), ("brave_search", {"query": "y"})],
    ),
    Case(
        "search as JSON",
        '{"name": "brave_search", "parameters": {"query": "x"}}',
        calls=[("brave_search", {"query": "x"})],
    ),
    Case("not a plain value", T + 'brave_search.call(query="a" + b)', bad=[("brave_search", "plain value")]),
    Case("search cut off", T + 'brave_search.call(query="a', bad=[("brave_search", "cut off")]),
    # JSON.
    Case("JSON", MIX_JSON + "<|eot_id|>", calls=[MIX]),
    Case("JSON after the tag", T + MIX_JSON + "<|eom_id|>", calls=[MIX]),
    Case("arguments", '{"name": "mix", "arguments": {"a": 1, "n": 2}}', calls=[MIX]),
    Case("arguments first", '{"parameters": {"a": 1, "n": 2}, "name": "mix"}', calls=[MIX]),
    Case("type", '{"type": "function", "name": "mix", "parameters": {"a": 1, "n": 2}}', calls=[MIX]),
    Case(
        "wrapped",
        '{"type": "function", "function": {"name": "mix", "arguments": "{\\"a\\": 1, \\"n\\": 2}"}}',
        calls=[MIX],
    ),
    Case("wrapped object", '{"function": {"name": "mix", "parameters": {"a": 1, "n": 2}}}', calls=[MIX]),
    Case("function is the name", '{"function": "mix", "parameters": {"a": 1, "n": 2}}', calls=[MIX]),
    Case("pretty", '{\n  "name": "mix",\n  "parameters": {\n    "a": 1,\n    "n": 2\n  }\n}', calls=[MIX]),
    Case(
        "raw line break",
        '{"name": "note", "parameters": {"text": "a\nb"}}',
        calls=[("note", {"text": "a\nb"})],
    ),
    Case(
        "braces in strings",
        '{"name": "note", "parameters": {"text": "it\'s {a}}", "meta": {"k": [1]}}}',
        calls=[("note", {"text": "it's {a}}", "meta": {"k": [1]}})],
    ),
    Case("no arguments", PING, calls=[("ping", {})]),
    Case("coerced", '{"name": "mix", "parameters": {"a": "1", "n": 2.0}}', calls=[MIX]),
    Case("text around", f"First. {MIX_JSON}\nThen.", "First. \nThen.", [MIX]),
    *(
        Case(f"two calls, {sep!r}", f"{MIX_JSON}{sep}{PING}", calls=[MIX, ("ping", {})])
        for sep in ("; ", ";", "\n", ", ", ";\n", "")
    ),
    *(
        Case(f"two calls after the tag, {sep!r}", f"{T}{MIX_JSON}{sep}{PING}", calls=[MIX, ("ping", {})])
        for sep in ("; ", "\n", ", ")
    ),
    Case("a list of calls", f"[{MIX_JSON}, {PING}]", calls=[MIX, ("ping", {})]),
    Case("a tagged list of calls", f"{T}[{MIX_JSON}, {PING}]", calls=[MIX, ("ping", {})]),
    Case(
        "a good and a bad one",
        f'{MIX_JSON}; {{"name": "mix", "parameters": {{"a": "x", "n": 1}}}}',
        calls=[MIX],
        bad=[("mix", "mix() argument 'a': Input should be a valid integer")],
    ),
    Case(
        "missing argument",
        '{"name": "mix", "parameters": {"a": 1}}',
        bad=[("mix", "mix() argument 'n': Field required")],
    ),
    Case(
        "no such argument", '{"name": "ping", "parameters": {"a": 1}}', bad=[("ping", "has no argument 'a'")]
    ),
    Case("nearly a call", '{"name": "mix"}', bad=[("mix", "the call has no object")]),
    Case("wrong shape after the tag", T + '{"status": "ok"}', bad=[(None, "this JSON is not a call")]),
    Case(
        "single quotes around keys",
        "{'name': 'mix', 'parameters': {'a': 1, 'n': \"it's }\"}}<|eot_id|>",
        bad=[("mix", "in double quotes")],
    ),
    Case(
        "single quotes, then prose", "{'name': 'mix', 'a': 1} is a dict", "{'name': 'mix', 'a': 1} is a dict"
    ),
    Case("single quotes, no tool", "{'name': 'oak', 'parameters': {}}", "{'name': 'oak', 'parameters': {}}"),
    Case("single quotes, cut off", "{'name': 'mix', 'parameters': {", bad=[("mix", "cut off")]),
    Case(
        "a dict, indexed, after the tag",
        T + "{'name': 'mix', 'a': 1}['a']",
        calls=code("{'name': 'mix', 'a': 1}['a']"),
    ),
    Case(
        "unknown tool",
        '{"name": "teleport", "parameters": {}}',
        bad=[("teleport", "unknown tool 'teleport'; the tools are: get_weather, ")],
    ),
    Case(
        "unknown tool after the tag",
        T + '{"name": "teleport", "parameters": {}}',
        bad=[("teleport", "unknown tool")],
    ),
    Case(
        "unknown beside known",
        f'{{"name": "teleport", "parameters": {{}}}}\n{PING}',
        calls=[("ping", {})],
        bad=[("teleport", "unknown tool")],
    ),
    Case("cut off", '{"name": "note", "parameters": {"text": "unfin', bad=[("note", "cut off")]),
    Case("not closed", '{"name": "ping", "parameters": {}<|eot_id|>', bad=[("ping", "not closed")]),
    Case("bad JSON", '{"name": "mix", "parameters": {"a": one}} so', " so", bad=[("mix", "not valid JSON")]),
    Case("infinite", '{"name": "mix", "parameters": {"a": 1e999, "n": 1}}', bad=[("mix", "too large")]),
    Case("repeated key", '{"name": "mix", "parameters": {"a": 1, "a": 2}}', bad=[("mix", "given twice")]),
    Case(
        "lone surrogate",
        '{"name": "note", "parameters": {"text": "\\ud800"}}',
        calls=[("note", {"text": "\ufffd"})],
    ),
    Case(
        "very deep",
        '{"name": "note", "parameters": {"text": ' + "[" * 5000 + "]" * 5000 + "}}",
        bad=[("note", "")],
    ),
    # Function tags.
    Case("tag", '<function=mix>{"a": 1, "n": 2}</function>', calls=[MIX]),
    Case(
        "closing tag in a string",
        '<function=note>{"text": "</function>"}</function>',
        calls=[("note", {"text": "</function>"})],
    ),
    Case(
        "two tags, adjacent",
        '<function=ping>{}</function><function=mix>{"a": 1,\n "n": 2}</function>',
        calls=[("ping", {}), MIX],
    ),
    Case("tag after text", "Now <function=ping>{}</function>.", "Now .", [("ping", {})]),
    Case("bad tag", '<function=mix>{"a": one}</function> so', " so", bad=[("mix", "not valid JSON")]),
    Case("unknown tag", "<function=teleport>{}</function>", bad=[("teleport", "unknown tool")]),
    Case("tag cut off", '<function=mix>{"a": 1', bad=[("mix", "cut off")]),
    # Python-like lists.
    Case("list", "[mix(a=1, n=2), ping()]<|eot_id|>", calls=[MIX, ("ping", {})]),
    Case("tagged Python list", T + "[mix(a=1, n=2)]<|eot_id|>", calls=[MIX]),
    Case("positional", "[mix(1, n=2)]", calls=[MIX]),
    Case(
        "nested values",
        '[note(text="x), y]", meta={"a": {"b": -1}, "c": [True, false, None, 2.5]})]',
        calls=[("note", {"text": "x), y]", "meta": {"a": {"b": -1}, "c": [True, False, None, 2.5]}})],
    ),
    Case(
        "triple quotes", '[note(text="""a "quoted" word""")]', calls=[("note", {"text": 'a "quoted" word'})]
    ),
    Case("one bad sibling", "[mix(a=1, n=2), mix(a=1, n=)]", calls=[MIX], bad=[("mix", "cannot be read")]),
    Case("an expression", "[mix(1, n=2+k)]", bad=[("mix", "plain values only")]),
    Case("unpacking", "[mix(**x)]", bad=[("mix", "plain values only")]),
    Case("too many", "[mix(1, 2, 3)]", bad=[("mix", "at most 2")]),
    Case("unknown in a list", "[teleport()]", bad=[("teleport", "unknown tool")]),
    Case("list cut off", "[mix(a=1, n=2), mix(a=", calls=[MIX], bad=[("mix", "cut off")]),
    # Control tokens where they do not belong.
    Case("stray terminators", f"<|eot_id|>{MIX_JSON}<|eom_id|><|eot_id|>", calls=[MIX]),
    Case("leaked header", f"<|start_header_id|>assistant<|end_header_id|>\n\n{MIX_JSON}", calls=[MIX]),
    Case(
        "leaked user turn",
        f"Hi<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n{MIX_JSON}",
        "Hi" + MIX_JSON,
    ),
    Case("half a header", "<|start_header_id|>assis", "assis"),
    Case("half a control token", "a <|python_", "a <|python_"),
]


def found(message: AIMessage) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    return str(message.content), [(call["name"], call["args"]) for call in message.tool_calls]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message(case: Case, tools: Tools) -> None:
    message = parse(case.text, tools)
    assert found(message) == (case.content, case.calls)
    assert [call["name"] for call in message.invalid_tool_calls] == [name for name, _ in case.bad]
    for call, (_, part) in zip(message.invalid_tool_calls, case.bad, strict=True):
        assert part in str(call["error"])


def test_what_is_cut_off_is_told_from_what_is_malformed(tools: Tools) -> None:
    cut = parse('{"name": "mix", "parameters": {"a": 1', tools, truncated=True)
    broken = parse('{"name": "mix", "parameters": {"a": 1]}<|eot_id|>', tools)
    assert cut.response_metadata == {"truncated": True, "invalid_kinds": {"call_1": "truncated"}}
    assert broken.response_metadata == {"invalid_kinds": {"call_1": "malformed"}}


def test_code_cut_off_does_not_run() -> None:
    message = parse(T + "import shutil\nshutil.rmtree('/tmp/x", truncated=True)
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"] == "import shutil\nshutil.rmtree('/tmp/x"


def test_a_call_that_was_complete_before_the_cut_stands(tools: Tools) -> None:
    assert found(parse(MIX_JSON + "\nand", tools, truncated=True)) == ("\nand", [MIX])


def test_tools_that_are_switched_off(tools: Tools) -> None:
    message = parse(T + "1 + 1", tools, code_interpreter=False, builtin_tools=())
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["error"] == (
        "code cannot be run here; the tools are: get_weather, note, mix, ping"
    )
    search = 'brave_search.call(query="x")'
    assert found(parse(T + search, builtin_tools=())) == ("", code(search))
    assert (
        parse('{"name": "x", "parameters": {}}', code_interpreter=False, builtin_tools=()).invalid_tool_calls[
            0
        ]["error"]
        == "unknown tool 'x'; there are no tools; answer in words"
    )


class Trip(BaseModel):
    """Plans a trip."""

    to: str
    nights: int = Field(ge=1)


@tool
def shout(text: str) -> str:
    """Shouts."""
    return text.upper()


SCHEMA = {
    "type": "function",
    "function": {
        "name": "paint",
        "description": "Paints.",
        "parameters": {
            "type": "object",
            "properties": {
                "colour": {"enum": ["red", "blue"]},
                "schema": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
                "who": {"$ref": "#/$defs/person"},
                "_x": {"type": ["integer", "null"]},
            },
            "required": ["colour"],
            "$defs": {
                "person": {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
            },
        },
    },
}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('"Trip", "parameters": {"to": "Oslo", "nights": "2"}', {"to": "Oslo", "nights": 2}),
        (
            '"Trip", "parameters": {"to": "Oslo", "nights": 0}',
            "Trip() argument 'nights': Input should be greater",
        ),
        ('"shout", "parameters": {"text": "a"}', {"text": "a"}),
        ('"paint", "parameters": {"colour": "red"}', {"colour": "red"}),
        (
            '"paint", "parameters": {"colour": "green"}',
            "paint() argument 'colour': Input should be 'red' or 'blue'",
        ),
        (
            '"paint", "parameters": {"colour": "red", "schema": [1, "2.5"]}',
            {"colour": "red", "schema": [1, 2.5]},
        ),
        (
            '"paint", "parameters": {"colour": "red", "schema": [1, 2, 3]}',
            "paint() argument 'schema': [1, 2, 3] is too long (maxItems is 2)",
        ),
        (
            '"paint", "parameters": {"colour": "red", "who": {"age": "7"}}',
            {"colour": "red", "who": {"age": 7}},
        ),
        ('"paint", "parameters": {"colour": "red", "who": {}}', "paint() argument 'who.age': Field required"),
        ('"paint", "parameters": {"colour": "red", "_x": null}', {"colour": "red", "_x": None}),
    ],
)
def test_every_kind_of_tool_checks_its_arguments(call: str, expected: dict[str, Any] | str) -> None:
    message = parse(f'{{"name": {call}}}', [Trip, shout, SCHEMA])
    if isinstance(expected, dict):
        assert message.tool_calls[0]["args"] == expected
    else:
        assert str(message.invalid_tool_calls[0]["error"]).startswith(expected)


NEAR_CALLS = [
    ('{"name": "mix", "a": 1, "n": 2}', "the call has no object of arguments"),
    ('{"type": "function", "name": "note", "text": "x", "meta": {"k": [1]}}', "the call has no object"),
    ('{name: "mix", parameters: {a: 1, n: 2}}', "not valid JSON"),
    ("{'name': 'mix', 'parameters': {'a': 1}}", "not valid JSON"),
    ("{“name”: “mix”, “parameters”: {“a”: 1}}", "not valid JSON"),
    ('{ type: "function", name: "mix", parameters: {} }', "not valid JSON"),
    ('{"name": "mix", "parameters": {}, "arguments": {}}', "has both 'parameters' and 'arguments'"),
    ('{"name": "mix", "parameters": [1, 2]}', "the arguments of mix() are no object"),
]


@pytest.mark.parametrize(("text", "said"), NEAR_CALLS)
def test_what_is_nearly_a_call_comes_back_with_what_to_mend(tools: Tools, text: str, said: str) -> None:
    message = parse(text, tools)
    assert said in str(message.invalid_tool_calls[0]["error"])
    assert message.invalid_tool_calls[0]["args"] == text
    assert not message.content
    assert not message.tool_calls


@pytest.mark.parametrize("interpreter", [True, False])
@pytest.mark.parametrize("before", ["", PING])
def test_data_after_the_tag_is_not_lost(tools: Tools, before: str, interpreter: bool) -> None:
    data = '{"name": "oak desk", "legs": 4}'
    message = parse(f"See:{T}{before}{data}", tools, interpreter)
    kept = message.content + "".join(str(call["args"]) for call in message.invalid_tool_calls)
    assert "oak desk" in kept
    assert "legs" in kept


def test_a_call_that_was_told_of_stays_one(tools: Tools) -> None:
    both = '{"name": "note", "parameters": {"text": "5"}, "arguments": {}}'
    message = parse(f"Well.\n{both}", tools)
    assert message.content == "Well.\n"
    assert "has both" in str(message.invalid_tool_calls[0]["error"])


@pytest.mark.parametrize("text", [text for text, _ in NEAR_CALLS if '"parameters": {}' not in text])
def test_among_words_it_is_text(tools: Tools, text: str) -> None:
    for said in (f"{text} is the form.", f"It is {text} in short."):
        message = parse(said, tools)
        assert (message.content, message.tool_calls, message.invalid_tool_calls) == (said, [], [])


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "mix", "legs": 4}',
        '{"a": 1, "name": "mix"}',
        '{"name": "desk", "a": 1}',
        "{name}",
        "{name: value}",
        "{nameless: 1}",
        '{name: "desk", parameters: {}}',
        "{type}",
        "{names: 'mix', }",
        '{"name": "mix", "description": "Mixes.", "a": 1}',
    ],
)
def test_what_only_looks_a_little_like_a_call_is_text(tools: Tools, text: str) -> None:
    message = parse(text, tools)
    assert (message.content, message.tool_calls, message.invalid_tool_calls) == (text, [], [])


def test_broken_brackets_after_the_tag_are_a_broken_call(tools: Tools) -> None:
    message = parse(T + 'brave_search.call(query="x"]\nThat is all.', tools, code_interpreter=False)
    assert "brackets do not match" in str(message.invalid_tool_calls[0]["error"])
    assert message.invalid_tool_calls[0]["args"] == 'query="x"]'
    assert not message.tool_calls


@pytest.mark.parametrize(
    ("written", "meant"),
    [(r"a\bc", "a\bc"), (r"\x41\u00e9", "Aé"), (r"\N{BULLET}", "•"), (r"\101\0", "A\0"), (r"\q", "\\q")],
)
def test_escapes_of_python(tools: Tools, written: str, meant: str) -> None:
    message = parse(f'[note(text="{written}")]', tools)
    assert message.tool_calls[0]["args"] == {"text": meant}


@pytest.mark.parametrize("depth", [60, 300, 700, 950, 1500, 5000])
def test_arguments_in_a_string_may_be_nested_as_deeply_as_they_like(depth):
    inner = json.dumps('{"text": ' + "[" * depth + "]" * depth + "}")
    message = parse(f'{{"name": "note", "arguments": {inner}}}', [note])
    assert message.tool_calls or message.invalid_tool_calls or message.text


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), ZeroDivisionError()])
def test_a_validator_of_a_tool_may_raise_anything(error):
    class Picky(BaseModel):
        """Picky."""

        a: int

        @field_validator("a")
        @classmethod
        def check(cls, _value: int) -> int:
            raise error

    message = parse('{"name": "Picky", "parameters": {"a": 1}}', [Picky])
    assert message.invalid_tool_calls[0]["error"].startswith("Picky() cannot use these arguments")


@pytest.mark.parametrize("number", ["NaN", "inf", "-Infinity", "1e999"])
def test_a_number_that_json_cannot_say_does_not_fit(number):
    def scale(ratio: float) -> str:
        """Scale."""
        return str(ratio)

    message = parse(f'{{"name": "scale", "parameters": {{"ratio": "{number}"}}}}', [scale])
    assert not message.tool_calls
    assert message.invalid_tool_calls[0]["name"] == "scale"


LISTS = [
    (f"[{PING} {PING}]", 2, 0),
    (f"[{PING}; {PING}]", 2, 0),
    (f"[{PING}\n{PING}]", 2, 0),
    (f"[{PING}, hello important text]", 1, 1),
    (f"[{PING} and then a long answer. It matters.", 1, 1),
    (f'[{PING}, {{mix with "a": one}}, {PING}]', 1, 1),
    (f'```json\n{PING}\nbrave_search.call(query="x")\n```', 2, 0),
    (f'```json\n{PING}\n{{"name":"teleport","parameters":{{}}}}\n```', 1, 1),
]


@pytest.mark.parametrize(("text", "good", "bad"), LISTS)
def test_nothing_in_a_list_or_a_fence_gets_lost(tools: Tools, text: str, good: int, bad: int) -> None:
    message = parse(text, tools)
    assert (len(message.tool_calls), len(message.invalid_tool_calls)) == (good, bad)
    said = "".join(str(call["args"]) for call in message.invalid_tool_calls)
    for word in ("important text", "It matters", "one", "teleport"):
        assert word not in text or word in said + str(message.invalid_tool_calls)


@pytest.mark.parametrize("extra", ['"x":1', '"thought":"hm"', '"type":"tool"', '"more":{"a":[1]}'])
def test_other_keys_after_the_arguments_do_not_undo_a_call(tools: Tools, extra: str) -> None:
    text = f'{{"name":"mix","parameters":{{"a":1,"n":2}},{extra}}}'
    message = parse(text, tools)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [MIX]
    assert message.content == ""


@pytest.mark.parametrize(
    "text", ['{"name":"note","parameters":{"text": "say "hi} now"}} tail', "<function=mix>{x}</functions>"]
)
def test_what_is_broken_is_not_called_cut_off(tools: Tools, text: str) -> None:
    message = parse(text, tools)
    assert message.response_metadata["invalid_kinds"] == {"call_1": "malformed"}


NEAR_LISTS = [
    ("[mix(a=1, n=2),\n ping(),]", ["mix", "ping"], []),
    ("[mix(a=1, n=2); ping()]", ["mix", "ping"], []),
    ("[mix(a=1, n=2) ping()]", ["mix", "ping"], []),
    ("[ mix ( a = 1, n = 2 ) ]", ["mix"], []),
    ('[ping(), note("a", "x"]', ["ping"], ["note"]),
    ('[ping(), note("a", [1)]', ["ping"], ["note"]),
    ("[mix(a=1, n=2), 5]", ["mix"], [None]),
    ("[mix(a=1, n=2), other]", ["mix"], [None]),
    ("[mix(a=1, n=2).run()]", ["mix"], [None]),
    ("[mix(a=1, n=2), ping()", ["mix", "ping"], []),
]


@pytest.mark.parametrize(("text", "good", "bad"), NEAR_LISTS)
def test_a_list_that_is_nearly_right_keeps_what_is_right(
    tools: Tools, text: str, good: list[str], bad: list[str | None]
) -> None:
    message = parse(text, tools)
    assert [call["name"] for call in message.tool_calls] == good
    assert [call["name"] for call in message.invalid_tool_calls] == bad
    assert message.content == ""


@pytest.mark.parametrize("text", ["[mix(a, b) for a in x]", "[note to self]", "[mix(", "[mix(a == 1)]"])
def test_a_list_that_is_no_list_of_calls_stays_text(tools: Tools, text: str) -> None:
    assert parse(text, tools).content in (text, "")
    assert not parse(text, tools).tool_calls


TAGS = [
    ("<function=ping></function>", ["ping"], [], ""),
    ('<function=mix{"a": 1, "n": 2}</function>', ["mix"], [], ""),
    ('<function="mix">{"a": 1, "n": 2}</function>', ["mix"], [], ""),
    ('<function=mix >{"a": 1, "n": 2}</function>', ["mix"], [], ""),
    ("<function=mix>a=1, n=2</function>", [], ["mix"], ""),
    ('<function=mix>{"a": 1, "n": 2}<function=ping>{}</function>', ["mix", "ping"], [], ""),
    ('<function=mix>{"a": 1, "n": 2}\nThe answer is 3.', ["mix"], [], "The answer is 3."),
]


@pytest.mark.parametrize(("text", "good", "bad", "content"), TAGS)
def test_a_tag_that_is_nearly_right(
    tools: Tools, text: str, good: list[str], bad: list[str], content: str
) -> None:
    message = parse(text, tools)
    assert [call["name"] for call in message.tool_calls] == good
    assert [call["name"] for call in message.invalid_tool_calls] == bad
    assert str(message.content).strip() == content


def test_words_after_fenced_code_are_words(tools: Tools) -> None:
    message = parse(f"{T}```python\nprint(1)\n```\nThis prints one.", tools)
    assert message.tool_calls[0]["args"] == {"code": "print(1)"}
    assert message.content == "This prints one."


def test_a_call_in_a_fence_after_the_tag_is_a_call(tools: Tools) -> None:
    message = parse(f"{T}```json\n{PING}\n```", tools)
    assert [call["name"] for call in message.tool_calls] == ["ping"]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ('[get_weather(city="Oslo"), foo()]', ["get_weather"], ["foo"]),
        ("[get_weather(city=Oslo)]", [], ["get_weather"]),
        ("print(1)", [], [CODE]),
    ],
)
def test_without_an_interpreter_nothing_after_the_tag_is_code(
    tools: Tools, text: str, good: list[str], bad: list[str]
) -> None:
    message = parse(T + text, tools, code_interpreter=False)
    assert [call["name"] for call in message.tool_calls] == good
    assert [call["name"] for call in message.invalid_tool_calls] == bad


SHOWN = [
    "```python\nx = [ping()]\n```",
    "```python\ndef f():\n    return [ping()]\n```",
    '```python\nprint("hi")\n[ping()]\n```',
    f"```python\nx = 1\n{PING}\n```",
    f"```json\n// call\n{PING}\n```",
    f"Here:\n```python\nimport x\n{PING}\n```\nThat is it.",
    'results = [get_weather("Oslo")]',
    "for c in [ping()]:",
    f"const c = {PING};",
    "Use `x = [ping()]` there.",
    f"`a {PING} b`",
    "See [ping()](http://x.y/z)",
    "![ping()](x.png)",
    "<!-- [ping()] -->",
    f"<code>{PING}</code>",
    "| a | [ping()] |",
    r"\[ping()]",
    "You could write [ping()] to check the server.",
    "Do not call [ping()]!",
    "“[ping()]” is the syntax",
    '"use [ping()] now"',
    "The tag <function=ping>{}</function> calls ping.",
    f"The call {PING} would ping the server.",
    f"Should I call {PING}?",
    f"For example, the JSON {MIX_JSON} calls mix. Do not run it.",
]


@pytest.mark.parametrize("text", SHOWN)
def test_a_call_that_is_only_shown_is_text(tools: Tools, text: str) -> None:
    message = parse(text, tools)
    assert not message.tool_calls
    assert not message.invalid_tool_calls
    assert message.content == text


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (f"Let me check: {PING}", "Let me check: "),
        (f"I will call ping {PING}\nThen I tell you.", "I will call ping \nThen I tell you."),
        (f"ฉันจะตรวจสอบ{PING}", "ฉันจะตรวจสอบ"),
        (f"好的{PING}", "好的"),
        (f"```python\nx = 1\n```\n{PING}", "```python\nx = 1\n```\n"),
        (f"I call {PING}; {PING}", "I call "),
    ],
)
def test_a_call_at_the_end_of_a_line_is_one(tools: Tools, text: str, content: str) -> None:
    message = parse(text, tools)
    assert {call["name"] for call in message.tool_calls} == {"ping"}
    assert message.content == content


@pytest.mark.parametrize(
    "rest",
    [
        '["name"]',
        '.get("x")',
        ' | {"a": 1}',
        " if x else None",
        "\nprint(1)",
        ";print(1)",
        "\n# so\nfor i in range(3): pass",
    ],
)
def test_a_program_that_begins_like_a_call_is_not_called(tools: Tools, rest: str) -> None:
    message = parse(f"{T}{PING}{rest}<|eom_id|>", tools)
    assert not message.tool_calls
    assert message.content == ""
    assert "write the call alone" in str(message.invalid_tool_calls[0]["error"])
    assert rest.strip() in str(message.invalid_tool_calls[0]["args"])


def test_words_after_a_call_that_follows_the_tag_are_words(tools: Tools) -> None:
    message = parse(f"{T}{PING}\nI have called it.<|eot_id|>", tools)
    assert [call["name"] for call in message.tool_calls] == ["ping"]
    assert message.content == "\nI have called it."


@pytest.mark.parametrize("key", ["parameters", "arguments", "args", "params"])
def test_the_arguments_may_go_by_any_of_their_usual_names(tools: Tools, key: str) -> None:
    message = parse(f'{{"name": "mix", "{key}": {{"a": 1, "n": 2}}}}', tools)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [MIX]


@pytest.mark.parametrize(("value", "good"), [("1.5", True), ("9", False), ('"1.5"', False), ("[1]", True)])
def test_a_choice_among_values_of_any_kind_is_checked(value: str, good: bool) -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1.5, 2.5, [1]]}}, "required": ["a"]}
    tool = {"name": "choose", "description": "Choose.", "parameters": schema}
    message = parse(f'{{"name": "choose", "parameters": {{"a": {value}}}}}', [tool])
    assert bool(message.tool_calls) is good
    assert bool(message.invalid_tool_calls) is not good
