"""What a tool accepts: every keyword of its schema, and the slips that can only be meant in one way."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from llama3_prompts import Transcript, parse


def schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, **more}
    return {"type": "function", "function": {"name": "f", "description": "Does.", "parameters": parameters}}


def result(tool: Any, arguments: str) -> dict[str, Any] | str:
    message = parse(f'{{"name": "f", "parameters": {arguments}}}', [tool])
    assert len(message.tool_calls) + len(message.invalid_tool_calls) == 1
    assert not message.content
    return (
        message.tool_calls[0]["args"] if message.tool_calls else str(message.invalid_tool_calls[0]["error"])
    )


@pytest.mark.parametrize(
    ("of_a", "right", "wrong", "said"),
    [
        ({"type": "string", "pattern": "^[A-Z]+$"}, '"AB"', '"ab"', "'ab' does not match"),
        ({"type": "string", "pattern": "^(?!x)"}, '"ax"', '"xa"', "'xa' does not match"),
        ({"type": "string", "minLength": 2}, '"ab"', '"a"', "'a' is too short (minLength is 2)"),
        ({"type": "integer", "multipleOf": 5}, "10", "7", "7 is not a multiple of 5"),
        ({"type": "number", "exclusiveMinimum": 0}, "0.5", "0", "0 is less than or equal to"),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, '"4"', '"2"', "2 is less than the minimum of 3"),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            '{"x": 1}',
            '{"x": "y"}',
            "'y' is not",
        ),
        ({"type": "array", "uniqueItems": True}, "[1, 2]", "[1, 1]", "has non-unique elements"),
        ({"not": {"type": "string"}}, "1", '"s"', "should not be valid under"),
        ({"enum": [1.5, {"x": 1}]}, '{"x": 1}', "[1]", "[1] is not one of"),
        (
            {"type": "object", "dependentRequired": {"x": ["y"]}},
            '{"y": 1}',
            '{"x": 1}',
            "'y' is a dependency",
        ),
    ],
)
def test_every_keyword_of_a_schema_counts(of_a: dict[str, Any], right: str, wrong: str, said: str) -> None:
    tool = schema({"a": of_a})
    assert isinstance(result(tool, f'{{"a": {right}}}'), dict)
    error = result(tool, f'{{"a": {wrong}}}')
    assert isinstance(error, str)
    assert error.startswith("f() argument 'a")
    assert said in error


def test_what_is_no_schema_is_warned_of_and_types_are_checked_all_the_same() -> None:
    with pytest.warns(UserWarning, match="parameters of 'f' are no JSON Schema.*at properties/a/required"):
        assert result(schema({"a": {"type": "integer", "required": True}}), '{"a": "3"}') == {"a": 3}


class Side(Enum):
    LEFT = "left"


def by_type(
    names: list[str],
    size: dict[str, int] | None = None,
    zip_code: str = "",
    state: Literal["on", "off"] = "on",
    side: Side = Side.LEFT,
) -> str:
    """Does."""
    return f"{names}{size}{zip_code}{state}{side}"


BY_TYPE = by_type
BY_TYPE.__name__ = "f"

BY_SCHEMA = schema(
    {
        "names": {"type": "array", "items": {"type": "string"}},
        "size": {"type": "object", "properties": {"w": {"type": "integer"}}},
        "zip_code": {"type": "string"},
        "state": {"type": "string", "enum": ["on", "off"]},
        "side": {"$ref": "#/$defs/Side"},
    },
    required=["names"],
    **{"$defs": {"Side": {"enum": ["left"], "type": "string"}}},
)


@pytest.mark.parametrize("tool", [BY_TYPE, BY_SCHEMA], ids=["function", "schema"])
@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('{"names": "[\\"a\\"]"}', {"names": ["a"]}),
        ('{"names": ["a"], "size": "{\\"w\\": 3}"}', {"names": ["a"], "size": {"w": 3}}),
        ('{"names": [], "zip_code": 1234}', {"names": [], "zip_code": "1234"}),
        ('{"names": [5, "b"]}', {"names": ["5", "b"]}),
        ('{"names": [], "state": "OFF"}', {"names": [], "state": "off"}),
        ('{"names": [], "side": "Left"}', {"names": [], "side": "left"}),
        ('{"names": [], "zip_code": null}', {"names": []}),
    ],
)
def test_what_can_only_be_meant_in_one_way_is_taken_so(tool: Any, said: str, meant: dict[str, Any]) -> None:
    assert result(tool, said) == meant


@pytest.mark.parametrize("tool", [BY_TYPE, BY_SCHEMA], ids=["function", "schema"])
@pytest.mark.parametrize(
    "said",
    [
        '{"names": "a, b"}',
        '{"names": null}',
        '{"names": [], "state": "open"}',
        '{"names": [], "zip_code": true}',
        '{"names": [], "zip_code": ["1"]}',
        '{"names": "{\\"a\\": 1}"}',
    ],
)
def test_what_may_mean_anything_is_refused(tool: Any, said: str) -> None:
    assert isinstance(result(tool, said), str)


def positional(a: int, /) -> int:
    """Does."""
    return a


def star(*values: int) -> int:
    """Does."""
    return sum(values)


def hidden(_x: int) -> int:
    """Does."""
    return _x


def configured(model_config: str) -> str:
    """Does."""
    return model_config


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (positional, "'a' is positional-only; take the / out"),
        (star, r"\*values has none; take a list instead"),
        (hidden, "'_x' is a name that pydantic keeps"),
        (configured, "'model_config' is a name that pydantic keeps"),
    ],
)
def test_a_function_that_cannot_be_called_by_name_is_no_tool(
    function: Any, said: str, llama3_tokenizer: Any
) -> None:
    with pytest.raises(ValueError, match=said):
        Transcript(llama3_tokenizer, tools=[function])


def test_a_model_of_a_tool_says_what_it_always_said() -> None:
    class f(BaseModel):  # noqa: N801 - the name is the tool's
        """Does."""

        a: int

    assert result(f, '{"a": "x"}') == "f() argument 'a': Input should be a valid integer"
