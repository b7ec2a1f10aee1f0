"""Threads that near the model's window: what goes, what stays, and who is told."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel
from transformers import PreTrainedTokenizerFast

from llama3_agent import Agent, ContextCompacted, Final, Run, ScriptedLlama
from llama3_agent.cli._show import Screen
from llama3_tools import CodeGate

from .conftest import MakeAgent, code, say

WINDOW = 3_000


def read(item: str) -> str:
    """Read a report.

    Args:
        item: Which.
    """
    words, _, number = item.partition(" ")
    return f"{words} report. " + "x" * int(number or 0)


def call(item: str) -> str:
    """What Llama 3 writes to read a report."""
    return json.dumps({"name": "read", "parameters": {"item": item}}) + "<|eot_id|>"


def talk(agent: Agent, questions: int, *, first: int = 0) -> list[Run]:
    """Ask a thread so many questions; all are answered."""
    runs = [agent.run(f"Question {n}?", thread="t") for n in range(first, first + questions)]
    assert {run.finish_reason for run in runs} == {"answered"}
    return runs


def steady(size: int = 400) -> Iterator[str]:
    """A script without end: a report is read for each question, and an answer given."""
    number = 0
    while True:
        yield call(f"{number} {size}")
        yield say(f"Answer {number}.")
        number += 1


def spans(run: Run) -> list[tuple[int, ...]]:
    """The ids of each message."""
    starts = [0, *run.ends]
    return [run.ids[start:end] for start, end in zip(starts, run.ends, strict=False)]


def by_the_model(run: Run) -> list[tuple[int, ...]]:
    """The ids of each message that the model wrote."""
    return [ids for ids, message in zip(spans(run), run.messages, strict=True) if message.type == "ai"]


def compacted(runs: list[Run]) -> list[ContextCompacted]:
    return [one for run in runs for one in run.compactions]


@pytest.fixture
def make(make_agent: MakeAgent) -> Callable[..., Agent]:
    """Agents with a small window, a tool and no sandbox."""

    def small(*replies: object, **given: object) -> Agent:
        base = {"tools": [read], "sandbox": None, "max_tokens": 300, "context_length": WINDOW}
        return make_agent(*replies, **{**base, **given})

    return small


def test_old_results_go_first_and_the_oldest_of_them(make: Callable[..., Agent]) -> None:
    agent = make(*islice(steady(700), 40), context_length=8_000)
    runs: list[Run] = []
    while not compacted(runs):
        runs += talk(agent, 1, first=len(runs))
    [cut], before, after = runs[-1].compactions, runs[-2].messages, runs[-1].messages
    assert (cut.dropped, len(after)) == (0, len(before) + 4)
    results = [message for message in after if isinstance(message, ToolMessage)]
    short = [message.content for message in results if "left out" in str(message.content)]
    assert short == ["[... 710 characters left out ...]"] * cut.shortened
    assert [message.content for message in results[: cut.shortened]] == short
    assert all(len(str(message.content)) == 710 for message in results[cut.shortened :])
    check_form(after)


def test_then_whole_turns_and_the_model_is_told(make: Callable[..., Agent]) -> None:
    runs = talk(make(*(say(f"Answer {n}. " + "a" * 200) for n in range(30))), 30)
    cuts = compacted(runs)
    assert len(cuts) >= 2
    assert all(cut.dropped and not cut.shortened for cut in cuts)
    system, notice, *rest = runs[-1].messages
    count = sum(cut.dropped for cut in cuts)
    assert notice == SystemMessage(
        f"{count} earlier messages of this conversation were left out here.",
        additional_kwargs={"llama3_left_out": count},
    )
    assert system == runs[0].messages[0]
    assert count + len(rest) == 2 * 30
    assert [type(message) for message in rest] == [HumanMessage, AIMessage] * (len(rest) // 2)


def test_what_is_kept_has_the_ids_that_it_had(make: Callable[..., Agent]) -> None:
    def odd(number: int) -> str:  # nobody but a model writes JSON like this
        return f'{{ "name":"read" ,"parameters":{{"item" : "{number} 300"}}}}<|eot_id|>'

    runs = talk(make(*(reply for n in range(20) for reply in (odd(n), say(f" {n}  ")))), 20)
    cut = next(n for n, run in enumerate(runs) if run.compactions)
    written = {ids for run in runs[:cut] for ids in by_the_model(run)}
    kept = by_the_model(runs[cut])[:-2]
    assert len(kept) >= 4
    assert set(kept) <= written


def test_what_is_before_the_cut_stays_cached(make: Callable[..., Agent]) -> None:
    runs = talk(make(*islice(steady(), 80)), 40)
    for before, run in pairwise(runs):
        first = len(before.ids)
        if not run.compactions:  # all but the last token that was written
            assert run.usage.cached_tokens >= first - 1
        for cut in run.compactions:
            assert 0 < cut.kept < cut.after < cut.before
            assert run.usage.cached_tokens >= cut.kept
            assert run.ids[: cut.kept] == before.ids[: cut.kept]
    # It is rare: what a cut has to compute again is made up for by the turns until the next one.
    assert len(compacted(runs)) <= 40 / 2.5
    computed, prompted = (
        sum(getattr(run.usage, name) for run in runs) for name in ("computed_tokens", "prompt_tokens")
    )
    assert computed < prompted / 5


def test_it_is_told_in_an_event_a_run_and_on_the_screen(make: Callable[..., Agent], tmp_path: Path) -> None:
    agent, told, runs = make(*(say("a" * 250) for _ in range(30))), [], []
    for n in range(20):
        for event in agent.stream(f"Question {n}?", thread="t"):
            if isinstance(event, ContextCompacted):
                told.append(event)
            if isinstance(event, Final):
                runs.append(event.run)
    assert told
    assert told == compacted(runs)
    run = next(run for run in runs if run.compactions)
    assert Run.load(run.save(tmp_path / "run.jsonl")).compactions == run.compactions
    [cut] = run.compactions
    with (tmp_path / "screen").open("w+") as stream:
        Screen(stream).show(cut)
        stream.seek(0)
        assert stream.read() == (
            f"context: {cut.before:,} tokens brought down to {cut.after:,}: {cut.dropped} messages left out\n"
        )
    assert "messages left out" in run._repr_html_()


def test_runs_saved_without_it_can_be_read(make: Callable[..., Agent], tmp_path: Path) -> None:
    path = make(say("Hi.")).run("Hello?").save(tmp_path / "run.jsonl")
    head, *rest = path.read_text().splitlines()
    old = {key: value for key, value in json.loads(head).items() if key != "compactions"}
    path.write_text("\n".join([json.dumps(old), *rest]))
    assert Run.load(path).compactions == ()


def test_a_question_that_cannot_fit_costs_nothing_old(make: Callable[..., Agent]) -> None:
    agent = make(*(say("a" * 100) for _ in range(9)))
    before = talk(agent, 4)[-1]
    run = agent.run("x" * WINDOW, thread="t")
    assert run.finish_reason == "error"
    assert "outgrown" in str(run.error)
    assert run.ids == before.ids
    assert not run.compactions


def test_a_turn_that_outgrows_the_window_on_its_own(make: Callable[..., Agent]) -> None:
    def on_and_on(prompt: str) -> str:
        return call(f"{len(prompt)} 600") if "Read on" in prompt else say("Here I am.")

    agent = make(*[on_and_on] * 20)
    old = agent.run("Old question?", thread="t")
    run = agent.run("Read on and on.", thread="t")
    assert (run.finish_reason, run.output) == ("error", "")
    assert "outgrown" in str(run.error)
    assert len(run.messages) <= len(old.messages)
    assert agent.run("And now?", thread="t").output == "Here I am."


def test_it_can_be_switched_off(make: Callable[..., Agent]) -> None:
    agent = make(*(say("a" * 250) for _ in range(30)), compact=False)
    runs = [agent.run(f"Question {n}?", thread="t") for n in range(20)]
    assert not compacted(runs)
    assert runs[-1].finish_reason in ("error", "truncated")


class Answer(BaseModel):
    n: int


def test_an_answer_as_a_value_finds_room_too(make: Callable[..., Agent]) -> None:
    late = 0
    for size in range(0, 1_000, 100):
        agent = make(*[say("a" * 250)] * 5, '{"n": 1}', say("Done."))
        talk(agent, 4)
        run = agent.run("How many?" + "?" * size, thread="t", output_type=Answer)
        assert (run.finish_reason, run.parsed) == ("answered", Answer(n=1))
        # Nothing came after the cut: it was what asks for the JSON that did not fit.
        late += any(cut.after == len(run.ids) for cut in run.compactions)
        after = agent.run("Well?", thread="t")
        assert after.compactions or after.ids[: len(run.ids)] == run.ids
    assert late


def test_files_are_still_known_by_name(make: Callable[..., Agent], tmp_path: Path, gate: CodeGate) -> None:
    (tmp_path / "sales.csv").write_text("n\n1\n")
    loud = code("open('out.txt', 'w').write('x'); print('y' * 1_900)")
    agent = make(
        loud,
        say("Done."),
        *[say("a" * 50)] * 50,
        tools=[],
        sandbox="local",
        gate=gate,
        context_length=4_000,
    )
    agent.run("Read it.", [tmp_path / "sales.csv"], thread="t")
    texts: list[str] = []
    for run in talk(agent, 50):
        texts += [str(message.content) for message in run.messages]
    assert "completed\n[stdout][... 1,950 characters left out ...][/stdout]\n[files]out.txt[/files]" in texts
    assert any(text.endswith("left out here. Files attached in them: sales.csv.") for text in texts)


class Crash(BaseException):
    """Goes through everything, as a kill does."""


def test_after_a_crash_in_the_middle_it_is_done_again_to_the_same_ids(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    def scripted(saver: InMemorySaver, *replies: object) -> Agent:
        llama = ScriptedLlama(tokenizer, replies, context_length=WINDOW)  # type: ignore[arg-type]
        return Agent(llama, [read], sandbox=None, max_tokens=300, checkpointer=saver)

    def fall_over(_: str) -> str:
        raise Crash

    answers = [say(f"{n} " + "a" * 250) for n in range(20)]
    with scripted(InMemorySaver(), *answers) as agent:
        whole = talk(agent, 20)
    crash = next(n for n, run in enumerate(whole) if run.compactions)
    saver = InMemorySaver()
    with scripted(saver, *answers[:crash], fall_over) as agent:
        talk(agent, crash)
        with pytest.raises(Crash):
            agent.run(f"Question {crash}?", thread="t")
    with scripted(saver, answers[crash]) as agent:
        again = agent.resume(thread="t")
    assert (again.ids, again.compactions) == (whole[crash].ids, whole[crash].compactions)
    with scripted(saver, *answers[crash + 1 :]) as agent:
        last = agent.last("t")
        assert last is not None
        assert (last.ids, last.compactions) == (again.ids, again.compactions)
        rest = talk(agent, 19 - crash, first=crash + 1)
    assert [run.ids for run in rest] == [run.ids for run in whole[crash + 1 :]]


def test_a_thread_without_end_stays_small(make: Callable[..., Agent]) -> None:
    agent = make(*islice(steady(), 240), checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    sizes = []
    for n in range(60):
        run = talk(agent, 1, first=n)[-1]
        sizes.append(sum(len(segment["ids"]) for segment in agent.graph.get_state(config).values["log"]))
    assert max(sizes) < 1.5 * WINDOW
    assert agent._kit.read(agent.graph.get_state(config).values["log"]).transcript.ids == run.ids


def test_going_back_to_before_it(make: Callable[..., Agent]) -> None:
    agent = make(*(say(f"{n} " + "a" * 250) for n in range(30)), checkpointer=InMemorySaver())
    runs = talk(agent, 12)
    cut = next(n for n, run in enumerate(runs) if run.compactions)
    before = next(
        point
        for point in agent.graph.get_state_history({"configurable": {"thread_id": "t"}})
        if not point.next and point.values["question"] == f"Question {cut - 1}?"
    )
    ending = agent.graph.invoke({"question": "What else?"}, before.config)
    [again] = ending["compactions"]
    assert again["before"] == len(runs[cut - 1].ids) + len("<user>\n\nWhat else?.")
    old = agent._kit.read(before.values["log"])
    assert old.transcript.ids == runs[cut - 1].ids


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1_200, 3_000), st.integers(50, 900))
def test_whatever_is_said_the_window_holds(
    tokenizer: PreTrainedTokenizerFast, seed: int, window: int, longest: int
) -> None:
    chance, asked, openings = random.Random(seed), "", set()

    def reply(prompt: str) -> str:
        openings.add(prompt.partition("<|eot_id|>")[0])
        assert f"\n\n{asked}<|eot_id|>" in prompt
        if chance.random() < 0.5:
            items = [f"{chance.random()} {chance.randrange(longest)}" for _ in range(chance.randint(1, 2))]
            return "; ".join(call(item).removesuffix("<|eot_id|>") for item in items) + "<|eot_id|>"
        return "b" * chance.randrange(longest) + chance.choice(["<|eot_id|>", "<|eot_id|>", ""])

    llama = ScriptedLlama(tokenizer, (reply for _ in range(10_000)), context_length=window)
    with Agent(llama, [read], sandbox=None, max_tokens=300, max_steps=5) as agent:
        previous: tuple[int, ...] = ()
        for number in range(15):
            asked = f"Question {number}? " + "q" * chance.randrange(longest // 2)
            run = agent.run(asked, thread="t")
            check_run(run, asked, previous)
            previous = run.ids
    assert max(map(len, llama.prompts)) < window
    assert len(openings) == 1


def check_run(run: Run, asked: str, before: tuple[int, ...]) -> None:
    """A run keeps what it must, and its conversation is one that can be."""
    kinds = [message.type for message in run.messages]
    assert kinds[0] == "system"
    if not run.compactions and run.finish_reason != "error":
        assert run.ids[: len(before)] == before
    kept = min([cut.kept for cut in run.compactions], default=0)
    assert run.ids[:kept] == before[:kept]
    assert all(cut.after < cut.before for cut in run.compactions)
    if run.finish_reason != "error":
        last = max(index for index, kind in enumerate(kinds) if kind == "human")
        assert run.messages[last].content == asked
    check_form(run.messages)


def check_form(messages: tuple[BaseMessage, ...]) -> None:
    """Every result stands behind its call, and every call has its result."""
    open_calls: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            assert message.tool_call_id == open_calls.pop(0)
            continue
        assert not open_calls
        if isinstance(message, AIMessage):
            open_calls = [one["id"] or "" for one in (*message.tool_calls, *message.invalid_tool_calls)]
    assert not open_calls
