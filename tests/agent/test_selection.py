"""Agents with many tools: each thread is offered those that its questions call for."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, ConfigurationError, Run, ScriptedLlama
from llama3_agent._selection import Selection
from llama3_agent.guards import Assessment

from .conftest import MakeAgent, say

GIVEN = tomllib.loads(Path(__file__).with_name("many_tools.toml").read_text())["tool"]


def made(given: dict[str, Any]) -> BaseTool:
    """A tool that says what it was called with."""
    properties = {name: {"type": "string"} for name in given["arguments"]}
    return StructuredTool(
        name=given["name"],
        description=given["description"],
        args_schema={"type": "object", "properties": properties},
        func=lambda **args: json.dumps(args),
    )


TOOLS = [made(given) for given in GIVEN]
QUESTIONS = [(question, given["name"]) for given in GIVEN for question in given["questions"]]


def call(name: str, **args: str) -> str:
    """What Llama 3 writes to call a tool."""
    return json.dumps({"name": name, "parameters": args}) + "<|eot_id|>"


def offered(text: str) -> list[str]:
    """The tools that a text declares."""
    schemas = [json.loads(line) for line in text.splitlines() if line.startswith('{"type": "function"')]
    return [schema["function"]["name"] for schema in schemas]


def declared(run: Run) -> list[list[str]]:
    """The tools that each message of a run declares, where it does."""
    names = [offered(str(message.content)) for message in run.messages if message.type in ("system", "human")]
    return [one for one in names if one]


@pytest.fixture
def make(make_agent: MakeAgent) -> Callable[..., Agent]:
    """Agents with sixty tools, of which a thread is offered six."""

    def many(*replies: object, **given: object) -> Agent:
        return make_agent(*replies, **{"tools": TOOLS, "sandbox": None, "select": 6, **given})

    return many


def test_the_tool_that_a_question_calls_for_is_nearly_always_among_the_best() -> None:
    selection = Selection(TOOLS, 12)
    places = [selection._ranked(question)[:12] for question, _ in QUESTIONS]
    found = [name in best for best, (_, name) in zip(places, QUESTIONS, strict=True)]
    assert len(found) == 120
    assert sum(found) / len(found) >= 0.95


def test_the_first_question_chooses(make: Callable[..., Agent]) -> None:
    agent = make(call("get_weather", city="Lima"), say("Sunny."))
    run = agent.run("What is the weather in Lima?", thread="t")
    assert run.output == "Sunny."
    [names] = declared(run)
    assert len(names) == 6
    assert "get_weather" in names
    order = [tool.name for tool in TOOLS]
    assert names == sorted(names, key=order.index)
    assert [m.content for m in run.messages if isinstance(m, ToolMessage)] == ['{"city": "Lima"}']


def test_a_later_question_adds_what_it_calls_for_behind_what_is_there(make: Callable[..., Agent]) -> None:
    agent = make(say("Sunny."), call("translate_text", text="hi"), say("Moi."), say("Hei."))
    first = agent.run("What is the weather in Lima?", thread="t")
    second = agent.run("Translate hi into Finnish.", thread="t")
    third = agent.run("Translate hello into Finnish.", thread="t")
    assert second.output == "Moi."
    assert second.ids[: len(first.ids)] == first.ids
    assert second.usage.cached_tokens >= len(first.ids) - 1
    [_, added] = declared(second)
    assert added == ["translate_text"]
    assert declared(third) == declared(second)
    assert [m.content for m in third.messages if isinstance(m, ToolMessage)] == ['{"text": "hi"}']
    questions = [m.content for m in third.messages if isinstance(m, HumanMessage) and not offered(m.text)]
    assert len(questions) == 3


def test_what_is_not_offered_cannot_be_called(make: Callable[..., Agent]) -> None:
    run = make(call("run_sql", query="1"), say("Sorry.")).run("What is the weather in Lima?")
    [result] = [str(m.content) for m in run.messages if isinstance(m, ToolMessage)]
    assert result.startswith("error: unknown tool 'run_sql'; the tools are: get_weather")


def test_a_failed_turn_takes_its_tools_away_again(make: Callable[..., Agent]) -> None:
    replies = [say("Sunny."), say("Hei."), call("translate_text", text="hi"), say("No.")]
    agent = make(*replies, context_length=3_500)
    first = agent.run("What is the weather in Lima?", thread="t")
    failed = agent.run("Translate into Finnish: " + "x" * 3_000, thread="t")
    assert failed.finish_reason == "error"
    assert failed.ids == first.ids
    agent.run("What is the weather in Oslo?", thread="t")
    run = agent.run("Hm?", thread="t")
    assert "unknown tool 'translate_text'" in str(run.messages[-2].content)


def test_another_agent_goes_on_with_the_same_tools(tokenizer: PreTrainedTokenizerFast) -> None:
    saver = InMemorySaver()
    questions = ["What is the weather in Lima?", "Translate hi into Finnish.", "And the weather in Oslo?"]
    answers = [say("Sunny."), say("Moi."), call("translate_text", text="x"), say("Rain.")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Agent(
            ScriptedLlama(tokenizer, answers), TOOLS, sandbox=None, select=6, checkpointer=InMemorySaver()
        ) as agent:
            whole = [agent.run(question, thread="t") for question in questions][-1]
        llama = ScriptedLlama(tokenizer, answers[:2])
        with Agent(llama, TOOLS, sandbox=None, select=6, checkpointer=saver) as agent:
            agent.run(questions[0], thread="t")
            agent.run(questions[1], thread="t")
        llama = ScriptedLlama(tokenizer, answers[2:])
        with Agent(llama, TOOLS, sandbox=None, select=6, checkpointer=saver) as agent:
            run = agent.run(questions[2], thread="t")
    assert run.ids == whole.ids
    assert declared(run) == declared(whole)
    assert run.messages[-2].content == '{"text": "x"}'


def test_tools_outlast_the_turns_that_brought_them(make: Callable[..., Agent]) -> None:
    agent = make(*[say("a" * 250)] * 20, call("translate_text", text="hi"), say("Moi."), context_length=4_500)
    agent.run("What is the weather in Lima?", thread="t")
    agent.run("Translate hi into Finnish.", thread="t")
    runs = [agent.run(f"Hm {n}?", thread="t") for n in range(18)]
    assert any(run.compactions for run in runs)
    assert all("Finnish" not in str(message.content) for message in runs[-1].messages)
    run = agent.run("Hm?", thread="t")
    assert declared(run)[1] == ["translate_text"]
    assert run.messages[-2].content == '{"text": "hi"}'


def test_guards_never_take_a_declaration_for_somebody_s_words(make: Callable[..., Agent]) -> None:
    seen: list[Sequence[Any]] = []

    class Curious:
        name = "curious"
        places = frozenset({"input"})

        def look(self, subject: Any, *, cancel: object = None) -> Any:  # noqa: ARG002
            seen.append([message.type for message in subject.messages])
            return Assessment("safe", flagged=False)

    agent = make(say("Sunny."), say("Moi."), say("Hm."), guards=[Curious()])
    for question in ("What is the weather in Lima?", "Translate hi into Finnish.", "Well?"):
        agent.run(question, thread="t")
    assert seen[-1] == ["system", "human", "ai", "human", "ai", "human"]


def test_a_function_may_choose(make: Callable[..., Agent]) -> None:
    asked = []

    def by_initial(question: str, tools: Sequence[Any]) -> list[Any]:
        asked.append(question)
        return [tool for tool in tools if tool.name[0] == question[0].lower()]

    agent = make(say("One."), say("Two."), select=by_initial)
    agent.run("Text.", thread="t")
    run = agent.run("Git.", thread="t")
    assert asked == ["Text.", "Git."]
    first, second = declared(run)
    assert {name[0] for name in first} == {"t"}
    assert {name[0] for name in second} == {"g"}


def test_a_function_that_chooses_something_else_is_told(make: Callable[..., Agent]) -> None:
    def stranger() -> None:
        """Not one of them."""

    agent = make(say("One."), select=lambda *_: [stranger])
    with pytest.raises(ConfigurationError, match="'stranger', which is none of the agent's tools"):
        agent.run("Hello?")


@pytest.mark.parametrize("select", [0, -1, True, 2.5, "all"])
def test_a_choice_that_cannot_be(make: Callable[..., Agent], select: object) -> None:
    with pytest.raises(ConfigurationError, match="select must be a number above 0 or a function"):
        make(select=select)


def test_too_many_at_once_are_warned_of_and_fewer_are_not(make: Callable[..., Agent]) -> None:
    with pytest.warns(UserWarning, match="60 tools are more than small Llamas choose well from; with"):
        make(select=None)
    with pytest.warns(UserWarning, match="30 tools are more"):
        make(select=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(select=20)
        make(tools=TOOLS[:20], select=None)


@pytest.mark.parametrize(
    "question",
    ["", "?!", "the of and", '"quoted" OR NEAR(x', "день", "漢字", "a\x00b", "word " * 50_000, "_" * 99],
)
def test_whatever_is_asked_there_are_as_many_tools(question: str) -> None:
    assert len(Selection(TOOLS, 6).first(question)) == 6


def test_long_pasted_text_does_not_hide_the_question() -> None:
    pasted = " ".join(f"w{n}" for n in range(5_000))
    for question in (f"{pasted}\nTranslate this into Finnish.", f"Translate this into Finnish:\n{pasted}"):
        assert Selection(TOOLS, 3)._ranked(question)[0] == "translate_text"
