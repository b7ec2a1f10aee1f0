"""Custom tools in each family's own dialect: how they are declared, called, and read back."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from llama3_prompts import Transcript, detect_family

DAY = datetime.date(2026, 11, 21)
HEADER = "<|start_header_id|>assistant<|end_header_id|>\n\n"
PLOT = {
    "name": "plot",
    "description": "Draws.",
    "parameters": {
        "type": "object",
        "properties": {
            "points": {"type": "array", "items": {"type": "number"}},
            "style": {"enum": ["line", "bar"], "description": "How."},
        },
        "required": ["points"],
    },
}


def anything(name: str) -> dict[str, Any]:
    """A tool that takes any arguments."""
    return {
        "name": name,
        "description": "Takes anything.",
        "parameters": {"type": "object", "properties": {}},
    }


@pytest.fixture
def make(llama3_tokenizer: Any) -> Callable[..., Transcript]:
    def make(family: str = "3.1", **kwargs: Any) -> Transcript:
        return Transcript(llama3_tokenizer, family, today=DAY, instructions="Be brief.", **kwargs)

    return make


def last(transcript: Transcript) -> str:
    span = transcript.spans[-1]
    return transcript.codec.decode(transcript.ids[span.start : span.end])


@pytest.mark.parametrize("family", ["3.2", "3.3"])
def test_custom_tools_alone_are_a_list(make: Callable[..., Transcript], family: str) -> None:
    text = make(family, tools=[PLOT]).messages[0].text
    opening, _, schemas = text.partition("\n\n[\n")
    assert opening.startswith("Be brief.\n\nYou can call these functions. ")
    assert opening.endswith(
        "[name1(argument1=value1, argument2=value2), name2(argument=value)], values written as in Python."
    )
    assert json.loads("[" + schemas) == [{**PLOT, "parameters": {**PLOT["parameters"], "type": "dict"}}]
    assert schemas.startswith('    {\n        "name": "plot"')


@pytest.mark.parametrize("offered", [{"code_interpreter": True}, {"builtin_tools": ["brave_search"]}])
@pytest.mark.parametrize("family", ["3.2", "3.3"])
def test_beside_a_built_in_every_family_writes_as_3_1(
    make: Callable[..., Transcript], family: str, offered: dict[str, Any]
) -> None:
    assert make(family, tools=[PLOT], **offered).ids == make("3.1", tools=[PLOT], **offered).ids


@pytest.mark.parametrize("family", ["3.1", "3.2", "3.3"])
def test_without_tools_every_family_is_told_the_date(make: Callable[..., Transcript], family: str) -> None:
    assert "Today Date: 21 November 2026" in make(family).messages[0].text


def test_tags_are_declared_with_their_types(make: Callable[..., Transcript]) -> None:
    text = make(tools=[PLOT], dialect="tag").messages[0].text
    name, line = text.splitlines()[-2:]
    assert name == "plot: Draws."
    assert json.loads(line) == {
        "name": "plot",
        "description": "Draws.",
        "parameters": {
            "points": {"param_type": "array", "items": {"type": "number"}, "required": True},
            "style": {"enum": ["line", "bar"], "description": "How.", "required": False},
        },
    }


@pytest.mark.parametrize("dialect", ["json", "list", "tag"])
def test_tools_in_a_user_message(make: Callable[..., Transcript], dialect: Any) -> None:
    transcript = make(tools=[PLOT], dialect=dialect, tools_in="user")
    system, declared = transcript.messages
    assert system.text.endswith("Today Date: 21 November 2026\n\nBe brief.")
    assert isinstance(declared, HumanMessage)
    assert make(tools=[PLOT], dialect=dialect).messages[0].text.endswith(f"Be brief.\n\n{declared.text}")
    assert len(make(dialect=dialect, tools_in="user").messages) == 1


WRITTEN = [
    ("list", "[note(text='it\\'s \"so\"', meta={'k': [1, None, True]})]"),
    ("tag", '<function=note>{"text": "it\'s \\"so\\"", "meta": {"k": [1, null, true]}}</function>'),
    ("json", '{"name": "note", "parameters": {"text": "it\'s \\"so\\"", "meta": {"k": [1, null, true]}}}'),
]


@pytest.mark.parametrize(("dialect", "expected"), WRITTEN)
def test_a_foreign_call_in_each_dialect(
    make: Callable[..., Transcript], tools: list[Any], dialect: Any, expected: str
) -> None:
    transcript = make(tools=tools, dialect=dialect)
    args = {"text": 'it\'s "so"', "meta": {"k": [1, None, True]}}
    transcript.append(AIMessage("", tool_calls=[{"name": "note", "args": args, "id": "1"}]))
    assert last(transcript) == f"{HEADER}{expected}<|eot_id|>"


@pytest.mark.parametrize("dialect", ["list", "tag"])
def test_code_keeps_its_own_form_whatever_the_dialect(
    make: Callable[..., Transcript], tools: list[Any], dialect: Any
) -> None:
    transcript = make(tools=tools, dialect=dialect, code_interpreter=True)
    call = {"name": "code_interpreter", "args": {"code": "1+1"}, "id": "1"}
    transcript.append(AIMessage("", tool_calls=[call]))
    assert last(transcript) == f"{HEADER}<|python_tag|>1+1<|eom_id|>"


_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_ARGS = st.dictionaries(
    st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True) | st.sampled_from(["from", "a-b"]),
    _VALUE,
    max_size=3,
)


@settings(max_examples=80, deadline=None)
@given(
    text=st.sampled_from(["", "Both.", "I will (as asked):\n"]),
    args=st.lists(_ARGS, min_size=1, max_size=3),
    dialect=st.sampled_from(["json", "list", "tag"]),
)
def test_foreign_calls_read_back_as_they_were(
    llama3_tokenizer: Any, text: str, args: list[dict[str, Any]], dialect: Any
) -> None:
    tools = [anything("f"), anything("g_2")]
    transcript = Transcript(llama3_tokenizer, tools=tools, dialect=dialect, today=DAY)
    calls = [{"name": "fg"[i % 2] + "_2" * (i % 2), "args": a, "id": str(i)} for i, a in enumerate(args)]
    transcript.append(AIMessage(text, tool_calls=calls))
    start = len(transcript.codec.encode("assistant")) + 3
    span = transcript.spans[-1]
    again = transcript.add_generated(transcript.ids[span.start + start : span.end])
    assert [(c["name"], c["args"]) for c in again.tool_calls] == [(c["name"], c["args"]) for c in calls]
    assert again.text.strip() == text.strip()


def test_state_keeps_the_dialect(
    make: Callable[..., Transcript], llama3_tokenizer: Any, tools: list[Any]
) -> None:
    transcript = make("3.3", tools=tools)
    twin = Transcript.from_state(llama3_tokenizer, json.loads(json.dumps(transcript.to_state())))
    for one in (transcript, twin):
        one.append(AIMessage("", tool_calls=[{"name": "ping", "args": {}, "id": "1"}]))
        assert last(one) == f"{HEADER}[ping()]<|eot_id|>"


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("dialect", "'json', 'list', 'tag', None"),
        ("tools_in", "'system', 'user'"),
        ("template", "'own', 'checkpoint'"),
    ],
)
def test_an_option_that_is_none_of_the_choices_is_refused(
    make: Callable[..., Transcript], option: str, choices: str
) -> None:
    with pytest.raises(ValueError, match=f"{option} cannot be 'yaml'; choose among {choices}"):
        make(**{option: "yaml"})


CONFIGS = [
    ({"<|eot_id|>": 1}, {}, "Meta-Llama-3-8B-Instruct", "3"),
    ({"<|eom_id|>": 1}, {}, "meta-llama/Llama-3.3-70B-Instruct", "3.3"),
    ({"<|eom_id|>": 1}, {"rope_scaling": {"factor": 8.0}}, "mine", "3.1"),
    ({"<|eom_id|>": 1}, {"rope_scaling": {"factor": 32.0}}, "mine", "3.2"),
    ({"<|eom_id|>": 1}, {"rope_parameters": {"factor": 32.0}}, "mine", "3.2"),
    (
        {"<|eom_id|>": 1},
        {"model_type": "mllama", "text_config": {"rope_scaling": {"factor": 8.0}}},
        "x",
        "3.2",
    ),
    ({"<|eom_id|>": 1}, {}, "model-3.14", "3.1"),
    ({"<|eom_id|>": 1}, {}, "llama-3-3-70b", "3.3"),
    ({"<|eom_id|>": 1}, {}, "Llama-3_3-70B", "3.3"),
    ({"<|eom_id|>": 1}, {}, "llama33", "3.3"),
    ({"<|eom_id|>": 1}, {}, "/models/v3.2/Llama-3.1-8B", "3.1"),
    ({"<|eom_id|>": 1}, {}, "llama-3-1b", "3.1"),
    ({"<|eom_id|>": 1}, {"rope_scaling": "odd"}, "mine", "3.1"),
    ({"<|eom_id|>": 1}, {"llama3_family": "3.3"}, "Llama-3.1-8B", "3.3"),
]


@pytest.mark.parametrize(("vocabulary", "config", "name", "family"), CONFIGS)
def test_the_family_is_told_from_the_files(
    vocabulary: dict[str, int], config: dict[str, Any], name: str, family: str
) -> None:
    assert detect_family(vocabulary, config, name) == family


def test_images_come_before_the_text(make: Callable[..., Transcript]) -> None:
    transcript = make("3.2")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    transcript.append(HumanMessage([{"type": "text", "text": "What is <|image|>?"}, picture, picture]))
    assert last(transcript) == (
        "<|start_header_id|>user<|end_header_id|>\n\n<|image|><|image|>What is <|image|>?<|eot_id|>"
    )
    span = transcript.spans[-1]
    image = transcript.codec.special("<|image|>")
    assert transcript.ids[span.start : span.end].count(image) == 2


def test_images_are_refused_where_nobody_sees_them(make: Callable[..., Transcript]) -> None:
    picture = HumanMessage([{"type": "image", "base64": "AA=="}])
    for family in ("3.1", "3.3"):
        with pytest.raises(ValueError, match=f"family '{family}'\\) sees no images; use a vision model"):
            make(family).append(picture)
    with pytest.raises(TypeError, match="no 'audio' in a HumanMessage; send text"):
        make("3.2").append(HumanMessage([{"type": "audio", "base64": "AA=="}]))
    with pytest.raises(TypeError, match="no 'image' in a ToolMessage"):
        make("3.2").append(ToolMessage([{"type": "image", "base64": "AA=="}], tool_call_id="1"))


def test_an_image_beside_tools_is_warned_of(make: Callable[..., Transcript], tools: list[Any]) -> None:
    with pytest.warns(UserWarning, match="calls no tools once there is an image"):
        make("3.2", tools=tools).append(HumanMessage([{"type": "image", "base64": "AA=="}]))


def test_tools_that_changed_since_are_named(
    make: Callable[..., Transcript], llama3_tokenizer: Any, tools: list[Any]
) -> None:
    get_weather, note, mix, ping = tools
    state = make(tools=[get_weather, note, ping], builtin_tools=["brave_search"]).to_state()

    def ping(host: str) -> str:
        """Answers."""
        return host

    with pytest.warns(UserWarning, match="began with other tools") as warned:
        Transcript.from_state(llama3_tokenizer, state, tools=[get_weather, mix, ping])
    assert [str(warning.message).partition(": ")[2] for warning in warned] == [
        "'mix' is new, and the model does not know it",
        "'note' is gone, and the model may still call it",
        "'ping' has changed, and the model still sees it as it was",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Transcript.from_state(llama3_tokenizer, state, tools=[note, tools[3], get_weather])
        Transcript.from_state(llama3_tokenizer, state)


_USER = [128006, 882, 128007, 271, 70983, 11157, 13, 128009]
_ASSISTANT = [128006, 78191, 128007, 271]
_TOOL = [128006, 23799, 4690, 128007, 271, 60202, 128009]
_JSON = [5018, 609, 794, 330, 10194, 498, 330, 14105, 794, 314, 3500]
_TYPED = [5018, 1337, 794, 330, 1723, 498, 330, *_JSON[1:]]
_AGAIN = [26, 5324]
GOLDEN = [
    ("3.1", {}, [*_JSON, *_AGAIN, *_JSON[1:], 128009]),
    ("3.1", {"code_interpreter": True}, [128010, *_TYPED, *_AGAIN, *_TYPED[1:], 128008]),
    (
        "3.1",
        {"dialect": "tag"},
        [27, 1723, 28, 10194, 7457, 5474, 1723, 397, 27, 1723, 28, 10194, 7457, 5474, 1723, 29, 128009],
    ),
    ("3.2", {}, [58, 10194, 1535, 31098, 27654, 128009]),
    ("3.3", {}, [58, 10194, 1535, 31098, 27654, 128009]),
    ("3.3", {"code_interpreter": True}, [128010, *_TYPED, *_AGAIN, *_TYPED[1:], 128008]),
]


@pytest.mark.parametrize(("family", "options", "called"), GOLDEN)
def test_golden_ids_of_a_conversation(
    make: Callable[..., Transcript], tools: list[Any], family: str, options: dict[str, Any], called: list[int]
) -> None:
    transcript = make(family, tools=tools, **options)
    system = transcript.position
    transcript.append(HumanMessage("Ping twice."))
    calls = [{"name": "ping", "args": {}, "id": number} for number in "12"]
    transcript.append(AIMessage("", tool_calls=calls))
    transcript.append(ToolMessage("pong", tool_call_id="1"))
    assert list(transcript.ids[system:]) == [*_USER, *_ASSISTANT, *called, *_TOOL]
    assert transcript.open_assistant()[transcript.position :] == _ASSISTANT
