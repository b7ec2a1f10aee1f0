"""Whatever a call does, the model gets a line that it can act on."""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import Literal

import pytest
from langchain_core.tools import ToolException, tool
from pydantic import BaseModel

from llama3_agent import ToolDefinitionError
from llama3_agent._tools import ToolSet
from llama3_prompts import parse


def get_weather(
    city: str, days: int = 1, unit: Literal["celsius", "kelvin", "fahrenheit"] = "celsius"
) -> str:
    """Get the weather.

    Args:
        city: Where.
        days: How many days.
        unit: The unit.
    """
    if city == "Atlantis":
        raise ValueError("no such city")
    return f"{city}: sunny for {days} days in {unit}"


async def slow_sum(numbers: list[float]) -> dict[str, float]:
    """Add numbers."""
    await asyncio.sleep(0)
    return {"sum": sum(numbers)}


@tool
def shout(text: str) -> str:
    """Make text loud."""
    return text.upper()


@tool
def picky(text: str) -> str:
    """Never content."""
    raise ToolException(f"{text!r} is not good enough; try harder")


def nothing() -> None:
    """Do nothing."""


def undocumented(x: int) -> int:
    return x + 1


def silent_failure() -> None:
    """Fail without a word."""
    raise RuntimeError


TOOLS = ToolSet(
    [get_weather, slow_sum, shout, picky, nothing, undocumented, silent_failure],
    code_interpreter=True,
    limit=200,
)


@pytest.mark.parametrize(
    ("name", "args", "content"),
    [
        ("get_weather", {"city": "Lima"}, "Lima: sunny for 1 days in celsius"),
        ("get_weather", {"city": "Lima", "days": "3"}, "Lima: sunny for 3 days in celsius"),
        ("slow_sum", {"numbers": [1, 2.5]}, '{"sum": 3.5}'),
        ("shout", {"text": "hey"}, "HEY"),
        ("nothing", {}, "null"),
        ("undocumented", {"x": 1}, "2"),
    ],
)
def test_calls_that_work(name: str, args: dict[str, object], content: str) -> None:
    outcome = TOOLS.call(name, args)
    assert (outcome.content, outcome.ok) == (content, True)


@pytest.mark.parametrize(
    ("name", "args", "content"),
    [
        (
            "foo",
            {},
            "error: unknown tool 'foo'; the tools are: get_weather, slow_sum, shout, picky, nothing, "
            "undocumented, silent_failure, code_interpreter",
        ),
        (
            "get_weather",
            {"city": "x", "days": "soon"},
            "error: get_weather() argument 'days': Input should be a valid integer",
        ),
        ("get_weather", {"days": 1}, "error: get_weather() argument 'city': Field required"),
        (
            "get_weather",
            {"city": "x", "unit": "feet"},
            "error: get_weather() argument 'unit': Input should be 'celsius', 'kelvin' or 'fahrenheit'",
        ),
        (
            "get_weather",
            {"town": "x"},
            "error: get_weather() has no argument 'town'; it takes: city, days, unit",
        ),
        ("nothing", {"x": 1}, "error: nothing() has no argument 'x'; it takes none"),
        ("get_weather", {"city": "Atlantis"}, "error: get_weather() raised ValueError: no such city"),
        ("silent_failure", {}, "error: silent_failure() raised RuntimeError"),
        ("picky", {"text": "a"}, "error: 'a' is not good enough; try harder"),
    ],
)
def test_calls_that_fail(name: str, args: dict[str, object], content: str) -> None:
    outcome = TOOLS.call(name, args)
    assert (outcome.content, outcome.ok) == (content, False)


def test_no_tools_at_all() -> None:
    outcome = ToolSet([], code_interpreter=False).call("foo", {})
    assert outcome.content == "error: unknown tool 'foo'; there are no tools; answer in words"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("foo", {}),
        ("get_weather", {"city": "x", "days": "soon"}),
        ("get_weather", {"days": "soon"}),
        ("get_weather", {"town": "x", "colour": "red"}),
        ("shout", {"text": None}),
        ("nothing", {"x": 1}),
    ],
)
def test_the_parser_says_the_same(name: str, args: dict[str, object]) -> None:
    functions = [get_weather, shout, nothing]
    text = json.dumps({"name": name, "parameters": args})
    (bad,) = parse(text, tools=functions, builtin_tools=()).invalid_tool_calls
    outcome = ToolSet(functions, code_interpreter=True).call(name, args)
    assert outcome.content == f"error: {bad['error']}"


def test_long_results_are_cut() -> None:
    assert "characters left out" in TOOLS.call("shout", {"text": "x" * 1_000}).content


def test_async_tools_work_inside_a_running_loop() -> None:
    async def in_a_loop() -> str:
        return TOOLS.call("slow_sum", {"numbers": [1]}).content

    assert asyncio.run(in_a_loop()) == '{"sum": 1.0}'


def brave_search(query: str) -> str:
    """Search."""
    return query


def test_builtin_tools_are_named_not_described() -> None:
    tools = ToolSet([get_weather, brave_search], code_interpreter=False)
    assert tools.builtin == ("brave_search",)
    assert tools.custom == [get_weather]
    assert tools.names == ("get_weather", "brave_search")


def code_interpreter(code: str) -> str:
    """Mine."""
    return code


class Model(BaseModel):
    x: int


class Unknown(Enum):
    A = 1


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ([get_weather, get_weather], "two tools are named 'get_weather'"),
        ([code_interpreter], "is taken"),
        ([lambda x: x], "is no tool"),
        ([Unknown], "is no tool"),
        (["get_weather"], "is no tool"),
    ],
)
def test_what_is_no_tool(tools: list[object], said: str) -> None:
    with pytest.raises(ToolDefinitionError, match=said):
        ToolSet(tools, code_interpreter=True)  # type: ignore[arg-type]
