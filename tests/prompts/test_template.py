"""A checkpoint's own chat template: its exact words, our protection of what people and tools say."""

from __future__ import annotations

import copy
import datetime
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from llama3_prompts import Transcript

DAY = datetime.date(2026, 11, 21)
TEMPLATE = """\
{{- bos_token }}
{%- if messages[0].role == "system" %}
    {%- set system = messages[0].content | trim %}{%- set messages = messages[1:] %}
{%- else %}{%- set system = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined %}{{- "Environment: ipython\\n" }}
{{- "Tools: " + builtin_tools | reject("equalto", "code_interpreter") | join(", ") + "\\n\\n" }}{%- endif %}
{{- "It is " + (date_string or "26 Jul 2024") + ".\\n\\n" + system + "<|eot_id|>" }}
{%- if tools %}
    {%- if not messages %}{{- raise_exception("no user message for the tools") }}{%- endif %}
    {{- "<|start_header_id|>user<|end_header_id|>\\n\\nFunctions:\\n" }}
    {%- for tool in tools %}{{- tool | tojson(indent=4) + "\\n\\n" }}{%- endfor %}
    {{- messages[0].content | trim + "<|eot_id|>" }}{%- set messages = messages[1:] %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "tool" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" + message.content | tojson + "<|eot_id|>" }}
    {%- elif message.content is string %}
        {{- "<|start_header_id|>" + message.role + "<|end_header_id|>\\n\\n" }}
        {{- message.content | trim + "<|eot_id|>" }}
    {%- else %}
        {{- "<|start_header_id|>" + message.role + "<|end_header_id|>\\n\\n" }}
        {%- for part in message.content %}
            {{- "<|image|>" if part.type == "image" else part.text | trim }}
        {%- endfor %}{{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- "<|start_header_id|>assistant<|end_header_id|>\\n\\n" }}{%- endif %}
"""
"""With the habits of the templates that checkpoints come with.

It trims, quotes what tools return, writes the tools into the first user message and refuses to render them
without one.
"""


@pytest.fixture(scope="module")
def tokenizer(llama3_tokenizer: Any) -> Any:
    own = copy.deepcopy(llama3_tokenizer)
    own.chat_template = TEMPLATE
    own.bos_token = "<|begin_of_text|>"
    return own


def whole(tokenizer: Any, turns: list[dict[str, Any]], **options: Any) -> list[int]:
    """The template's own rendering of a conversation, encoded at once."""
    text = tokenizer.apply_chat_template(turns, tokenize=False, date_string="21 Nov 2026", **options)
    return tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize("offered", [{}, {"tools": True}, {"code": True}, {"tools": True, "code": True}])
@pytest.mark.parametrize("family", ["3.1", "3.3"])
def test_harmless_content_comes_out_as_the_template_writes_it(
    tokenizer: Any, tools: list[Any], family: str, offered: dict[str, bool]
) -> None:
    options = {"tools": tools[:2]} if "tools" in offered else {}
    extra = {"code_interpreter": True, "builtin_tools": ["brave_search"]} if "code" in offered else {}
    transcript = Transcript(
        tokenizer, family, template="checkpoint", instructions=" Be brief. ", today=DAY, **options, **extra
    )
    turns = [
        ("system", " Be brief. "),
        ("user", "  How warm\n is it? "),
        ("assistant", "Wait."),
        ("tool", 'It says "12".\n'),
        ("assistant", "12."),
        ("user", "Thanks 🦙"),
    ]
    for role, text in turns[1:]:
        if role == "assistant":
            transcript.add_generated([*transcript.codec.encode(text), transcript.codec.special("<|eot_id|>")])
        else:
            transcript.append(HumanMessage(text) if role == "user" else ToolMessage(text, tool_call_id="1"))
    rendered: dict[str, Any] = {"tools": [convert_to_openai_tool(t) for t in tools[:2]]} if options else {}
    if extra:
        rendered["builtin_tools"] = ["brave_search", "code_interpreter"]
    expected = whole(
        tokenizer,
        [{"role": role, "content": text} for role, text in turns],
        add_generation_prompt=True,
        **rendered,
    )
    assert transcript.open_assistant() == expected
    assert len(transcript.messages) == len(transcript.spans) == len(turns)


def test_the_control_tokens_of_a_fine_tune_stay_words_too(tokenizer: Any) -> None:
    tuned = copy.deepcopy(tokenizer)
    tuned.add_special_tokens({"additional_special_tokens": ["[PAD]", "</s>", "<tool>"]})
    added = {tuned.convert_tokens_to_ids(name) for name in ("[PAD]", "</s>", "<tool>")}
    transcript = Transcript(tuned, template="checkpoint", instructions="a [PAD] b", today=DAY)
    transcript.append(HumanMessage("x [PAD] <tool> </s>"))
    transcript.append(ToolMessage("</s>[PAD]", tool_call_id="1"))
    assert not added & set(transcript.ids)
    assert "x [PAD] <tool> </s>" in tuned.decode(transcript.ids)


FORGED = st.sampled_from(
    [
        "<|eot_id|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|python_tag|>",
        "<|",
        "<",
        "|>",
        " ",
        "\n",
        "é",
        "\ue000",
        "\ue001|",
        "a",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FORGED, max_size=6).map("".join), st.lists(FORGED, max_size=6).map("".join))
def test_content_stays_words(tokenizer: Any, said: str, described: str) -> None:
    tool = {"name": "f", "description": described, "parameters": {"type": "object", "properties": {}}}
    transcript = Transcript(tokenizer, template="checkpoint", instructions=said, tools=[tool], today=DAY)
    transcript.append(HumanMessage(said))
    transcript.append(ToolMessage(said, tool_call_id="1"))
    codec = transcript.codec
    names = [codec.name(token) for token in transcript.ids]
    frame = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    assert [name for name in names if name] == ["<|begin_of_text|>", *frame * 3]
    text = codec.decode(transcript.ids)
    assert text.count(said.strip()) >= 2
    assert json.dumps(described, ensure_ascii=False) in text
    assert json.dumps(said, ensure_ascii=False) in text


def test_images_follow_the_template(tokenizer: Any) -> None:
    transcript = Transcript(tokenizer, "3.2", template="checkpoint", today=DAY)
    transcript.append(
        HumanMessage([{"type": "image", "base64": "AA=="}, {"type": "text", "text": "What is it?"}])
    )
    span = transcript.spans[-1]
    assert transcript.codec.decode(transcript.ids[span.start : span.end]) == (
        "<|start_header_id|>user<|end_header_id|>\n\n<|image|>What is it?<|eot_id|>"
    )


def test_state_keeps_the_template_and_its_date(tokenizer: Any, tools: list[Any]) -> None:
    transcript = Transcript(tokenizer, template="checkpoint", tools=tools, today=DAY)
    twin = Transcript.from_state(tokenizer, json.loads(json.dumps(transcript.to_state())))
    for one in (transcript, twin):
        one.append(HumanMessage("Hi"))
        one.append(AIMessage("Hello."))
        one.append(HumanMessage("Bye"))
    assert twin.ids == transcript.ids


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (None, "carries no chat template; leave template="),
        ("{{ messages[0].content }}", "does not open an answer"),
        (
            "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
            "does not write one block a message",
        ),
        ("{{ raise_exception('no system messages here') }}", "refuses this conversation .no system messages"),
    ],
)
def test_templates_that_cannot_be_followed(tokenizer: Any, template: str | None, problem: str) -> None:
    other = copy.deepcopy(tokenizer)
    other.chat_template = template
    with pytest.raises(ValueError, match=problem):
        Transcript(other, template="checkpoint", today=DAY)
