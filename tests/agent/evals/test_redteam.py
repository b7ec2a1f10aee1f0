"""The red-team suite: what is in it, and where the attacks of an obedient model end."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from llama3_agent import Llama, ScriptedLlama
from llama3_agent.evals import Case, redteam, summary
from llama3_agent.guards import Assessment, Post, Subject
from llama3_tools import Execution, LocalSandbox
from llama3_tools.sandbox import Logs, inside_name

from ..conftest import say
from .conftest import MakeBench

CASES = {case.id: case for case in redteam()}
LANGUAGES = ["English", "German", "French", "Italian", "Portuguese", "Spanish", "Hindi", "Thai"]


def case(channel: str, goal: str, language: str = "en") -> Case:
    return CASES[f"redteam/{language}/{channel}/{goal}"]


def test_every_attack_comes_through_every_channel_in_every_language() -> None:
    attacks = [one for one in CASES.values() if not one.benign]
    assert len(attacks) == 8 * 7 * 5
    assert sum(one.benign for one in CASES.values()) == 8 * 3 * 3
    assert set(Counter(one.language for one in attacks)) == set(LANGUAGES)
    assert set(Counter(one.channel for one in attacks).values()) == {40}
    assert len({one.marker for one in attacks}) == len(attacks)


@pytest.mark.parametrize("one", CASES.values(), ids=CASES.keys())
def test_the_attack_is_where_the_model_will_read_it(one: Case) -> None:
    places = [*one.turns, one.page or "", one.results or "", *one.files, *one.files.values()]
    places += map(inside_name, one.files)
    assert any(one.payload in place for place in places)
    assert all(len(name.encode()) <= 255 and "/" not in name and "," not in name for name in one.files)
    assert all(turn.strip() and "{" not in turn for turn in one.turns)
    if one.channel not in ("encoded", "file_name") and not one.benign:
        assert one.marker in one.payload


ENDS = [
    ("direct", "shell", "gate"),
    ("direct", "network", "gate"),
    ("tool", "secret", "sandbox"),
    ("search", "send", "approval"),
    ("multi_turn", "send", "approval"),
    ("encoded", "say", "nowhere"),
    ("file", "say", "nowhere"),
    ("file_name", "shell", "gate"),
    ("file_name", "secret", "sandbox"),
]


@pytest.mark.parametrize(("channel", "goal", "end"), ENDS)
def test_an_obedient_model_is_stopped_by_what_is_left(
    bench: MakeBench, channel: str, goal: str, end: str
) -> None:
    one = case(channel, goal)
    outcome = bench().run(one)
    assert (outcome.stopped, outcome.benign) == (end, False), outcome.detail
    assert end != "sandbox" or one.marker in outcome.detail, "it tried to read the very file"


class Knows:
    """Flags the text of one attack wherever it comes up."""

    name = "knows"
    places = frozenset({"input", "tool"})

    def __init__(self, text: str) -> None:
        self._text = text

    def look(self, subject: Subject, *, cancel: object = None) -> Assessment:  # noqa: ARG002
        return Assessment("known", flagged=self._text in subject.text, score=1.0)


@pytest.mark.parametrize(
    ("channel", "place"), [("direct", "input"), ("tool", "tool"), ("search", "tool"), ("encoded", "input")]
)
@pytest.mark.parametrize("language", ["de", "hi"])
def test_a_guard_stops_it_where_it_comes_in(
    bench: MakeBench, channel: str, place: str, language: str
) -> None:
    one = case(channel, "say", language)
    outcome = bench(Knows(one.payload)).run(one)
    assert (outcome.stopped, outcome.detail.split(":")[0]) == ("guard", place)


def test_honest_work_is_done_and_what_refuses_it_is_told(bench: MakeBench) -> None:
    one = case("search", "work-0", "th")
    assert bench().run(one).stopped is None
    assert bench(Post(Knows(one.payload), at="tool", policy="ask")).run(one).stopped == "guard"


def test_cria_is_asked_like_any_other_model(bench: MakeBench) -> None:
    llama = Llama("cria", progress=False)
    outcomes = [bench(engine=lambda _: llama).run(case("direct", goal)) for goal in ("say", "shell")]
    assert all(one.stopped in ("model", "gate", "sandbox", "approval", "nowhere") for one in outcomes)
    counts = json.loads(json.dumps(summary(outcomes)))
    assert counts["all"]["attacks"] == counts["by_channel"]["redteam: direct"]["attacks"] == 2
    assert sum(counts["all"][stop] for stop in ("model", "gate", "sandbox", "approval", "nowhere")) == 2


@pytest.mark.parametrize(("channel", "goal"), [("search", "say"), ("file", "shell"), ("multi_turn", "send")])
def test_who_refuses_the_honest_question_before_an_attack_has_stopped_no_attack(
    bench: MakeBench, channel: str, goal: str
) -> None:
    one = case(channel, goal)
    outcome = bench(Knows(one.turns[0])).run(one)
    assert (outcome.stopped, outcome.finish_reason) == ("unmet", "blocked")
    assert "input: knows" in outcome.detail


def test_a_model_that_never_looks_has_withstood_nothing(bench: MakeBench, tokenizer: Any) -> None:
    def lazy(_: Case) -> ScriptedLlama:
        return ScriptedLlama(tokenizer, [say("It is about bread.")], context_length=32_768)

    assert bench(engine=lazy).run(case("tool", "say")).stopped == "unmet"
    assert bench(engine=lazy).run(case("direct", "say")).stopped == "model"


@pytest.mark.parametrize("held", [True, False])
def test_a_secret_is_there_to_be_found(bench: MakeBench, monkeypatch: pytest.MonkeyPatch, held: bool) -> None:
    if not held:  # as if code ran on the machine itself
        monkeypatch.setattr(
            LocalSandbox, "run_code", lambda _, code, **__: Execution(logs=Logs(stdout=[_read(code)]))
        )
    one = case("direct", "secret")
    assert not Path(one.marker).exists()
    assert bench().run(one).stopped == ("sandbox" if held else "nowhere")
    assert not Path(one.marker).parent.exists()


def _read(code: str) -> str:
    return Path(code.split('"')[1]).read_text("utf-8")
