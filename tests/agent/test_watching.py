"""Runs that are kept, shown and traced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from llama3_agent import InputError, Run, _tracing

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


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> object:
    assert span.parent is not None
    return span.parent
