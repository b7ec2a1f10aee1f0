"""Runs that are kept, shown and traced."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode
from pydantic import BaseModel

from llama3_agent import InputError, Run, _tracing
from llama3_agent.guards import Assessment, Place, Policy, Post, Subject

from .conftest import MakeAgent, code, say

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nopen('a.txt', 'w').write('<b>a</b>')\n6 * 7"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Answer(BaseModel):
    n: int


def test_a_run_can_be_saved_and_loaded(make_agent: MakeAgent, tmp_path: Path) -> None:
    agent = make_agent(code(PLOT), code("import pickle; pickle.loads(x)"), say("It is 42."), say('{"n": 42}'))
    run = agent.run("Go.", output_type=Answer)
    again = Run.load(run.save(tmp_path / "run.jsonl"))
    assert again.parsed == {"n": 42}
    assert again.ids == run.ids
    assert again.ends == run.ends
    assert again.messages == run.messages
    assert dict(again.files) == dict(run.files)
    assert again.results == run.results
    assert again.verdicts == run.verdicts
    assert (again.usage, again.output, again.finish_reason) == (run.usage, run.output, run.finish_reason)
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    tokenizer = agent.llama.tokenizer
    texts = [tokenizer.decode(line["ids"]) for line in lines if line["kind"] == "message"]
    assert texts[2].endswith(code(PLOT))


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"version": 99}', '{"version": 1}\n[]'])
def test_what_is_no_run_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.jsonl").write_text(text)
    with pytest.raises(InputError, match=r"run\.jsonl"):
        Run.load(tmp_path / "run.jsonl")


def test_a_notebook_shows_it(make_agent: MakeAgent) -> None:
    run = make_agent(code(PLOT), say("It is 42.")).run("What is it?")
    page = run._repr_html_()
    for part in (
        "What is it?",
        "6 * 7",
        "gate: allow",
        "src='data:image/png;base64,",
        "It is 42.",
        "answered",
    ):
        assert part in page
    assert "a.txt (8 bytes)" in page


def test_nothing_that_anybody_says_is_markup(make_agent: MakeAgent) -> None:
    run = make_agent(code(f"print({EVIL!r})"), say(EVIL)).run(EVIL)
    page = run._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(_tracing, "_TRACER", provider.get_tracer("test"))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def test_spans_follow_the_conventions(make_agent: MakeAgent, spans: InMemorySpanExporter) -> None:
    def secret_of(name: str) -> str:
        """Find out.

        Args:
            name: Whose.
        """
        with trace.get_tracer("tool").start_as_current_span("inside"):
            return f"secret of {name}"

    call = '{"name": "secret_of", "parameters": {"name": "Ada"}}<|eot_id|>'
    wrong = '{"name": "secret_of", "parameters": {"name": "Bob"}}; ' + call.replace("secret_of", "nobody")
    with _tracing._TRACER.start_as_current_span("mine"):
        agent = make_agent(call, wrong, say("Done."), tools=[secret_of], sandbox=None)
        run = agent.run("Go.", thread="t")
    found = {span.name: span for span in spans.get_finished_spans()}
    agent_span, tool = found["invoke_agent"], found["execute_tool secret_of"]
    assert attributes(agent_span)["gen_ai.conversation.id"] == "t"
    assert attributes(agent_span)["gen_ai.usage.input_tokens"] == run.usage.prompt_tokens
    assert attributes(agent_span)["gen_ai.usage.output_tokens"] == run.usage.generated_tokens
    assert parent(agent_span) == found["mine"].context
    assert parent(tool) == agent_span.context
    assert attributes(tool)["gen_ai.tool.call.id"]
    chats = [span for span in spans.get_finished_spans() if span.name.startswith("chat ")]
    assert len(chats) == run.steps
    assert all(parent(span) == agent_span.context for span in chats)
    assert "Ada" not in str([attributes(span) for span in spans.get_finished_spans()])


def searched(name: str) -> str:
    """Search.

    Args:
        name: For what.
    """
    return f"SECRET of {name}"


class Sharp:
    """Flags a word, breaks down over another, and hangs over a third."""

    name = "sharp"
    places: frozenset[Place] = frozenset({"input", "call", "tool", "output"})

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Assessment:
        with trace.get_tracer("guard").start_as_current_span("looking"):
            if "BROKEN" in subject.text:
                raise ConnectionError(subject.text)
            if "HANGS" in subject.text:
                assert cancel is not None
                cancel.wait(30)
            flagged = "SECRET" in subject.text
            return Assessment("bad" if flagged else "fine", flagged, 0.75 if flagged else 0.25, 0.5, ("S1",))


def checks(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == "run_guardrail sharp"]


def test_each_check_of_a_guard_is_a_span(make_agent: MakeAgent, spans: InMemorySpanExporter) -> None:
    call = '{"name": "searched", "parameters": {"name": "Ada"}}<|eom_id|>'
    guards = [Post(Sharp(), policy=Policy({0.7: "warn"}))]
    agent = make_agent(call, say("Done."), tools=[searched], sandbox=None, guards=guards)
    run = agent.run("Go.")
    found = checks(spans)
    (turn,) = [span for span in spans.get_finished_spans() if span.name == "invoke_agent"]
    assert [attributes(span)["llama3_agent.guard.place"] for span in found] == [v.place for v in run.guards]
    assert [verdict.place for verdict in run.guards] == ["input", "call", "tool", "output"]
    assert {span.context.trace_id for span in found} == {turn.context.trace_id}
    for span, verdict in zip(found, run.guards, strict=True):
        told = attributes(span)
        assert told["gen_ai.operation.name"] == "run_guardrail"
        assert told["gen_ai.evaluation.name"] == verdict.guard
        assert told["gen_ai.evaluation.score.label"] == verdict.label
        assert told["gen_ai.evaluation.score.value"] == verdict.score
        assert told["llama3_agent.guard.action"] == verdict.action
        assert told["llama3_agent.guard.threshold"] == 0.5
        assert told["llama3_agent.guard.categories"] == ("S1",)
        assert told.get("gen_ai.tool.call.id") == verdict.call_id
        assert span.status.is_unset
        assert parent(span) == turn.context
        assert span.start_time is not None
        assert span.end_time is not None
        assert (span.end_time - span.start_time) / 1e9 == pytest.approx(verdict.seconds, abs=1e-6)
    assert [attributes(span)["llama3_agent.guard.action"] for span in found][2] == "warn"
    inner = [span for span in spans.get_finished_spans() if span.name == "looking"]
    assert {parent(span).span_id for span in inner} == {span.context.span_id for span in found}


@pytest.mark.parametrize(("word", "kind"), [("BROKEN", "ConnectionError"), ("HANGS", "timeout")])
def test_a_check_that_fails_is_an_error_without_a_word_of_the_text(
    make_agent: MakeAgent, spans: InMemorySpanExporter, word: str, kind: str
) -> None:
    agent = make_agent(say("Hello."), sandbox=None, guards=[Post(Sharp(), at="input", timeout=0.3)])
    assert agent.run(f"{word} of Ada").finish_reason == "blocked"
    (span,) = checks(spans)
    assert attributes(span)["error.type"] == kind
    assert attributes(span)["llama3_agent.guard.action"] == "block"
    assert attributes(span)["gen_ai.evaluation.score.label"] == "error"
    assert span.status.status_code is StatusCode.ERROR
    assert "Ada" not in f"{span.status.description} {span.events} {attributes(span)}"


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> SpanContext:
    assert span.parent is not None
    return span.parent
