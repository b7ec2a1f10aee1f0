"""OpenTelemetry spans by the conventions for generative AI; without an SDK they cost next to nothing.

https://opentelemetry.io/docs/specs/semconv/gen-ai/ (status: development). No text of a conversation goes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

if TYPE_CHECKING:
    from ._run import Run
    from .engine import Completion, Engine, Sampling
    from .guards._types import Place
    from .guards._verdict import GuardVerdict

_TRACER = trace.get_tracer("llama3_agent")
_PROVIDER = "llama3_agent"


@contextmanager
def agent_span(thread: str) -> Iterator[Span]:
    """A whole question, from what is asked to what comes of it."""
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": _PROVIDER,
        "gen_ai.conversation.id": thread,
    }
    with _TRACER.start_as_current_span("invoke_agent", attributes=attributes) as span:
        yield span


def agent_ended(span: Span, run: Run) -> None:
    """Note what a question came to."""
    _usage(span, run.usage.prompt_tokens, run.usage.cached_tokens, run.usage.generated_tokens)
    span.set_attribute("gen_ai.response.finish_reasons", [run.finish_reason])
    if run.finish_reason == "error":
        span.set_status(Status(StatusCode.ERROR, run.finish_reason))


@contextmanager
def chat_span(engine: Engine, sampling: Sampling) -> Iterator[Span]:
    """One message of the model."""
    model = str(getattr(engine, "name", f"llama-{engine.family}"))
    attributes: dict[str, str | int | float] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDER,
        "gen_ai.request.model": model,
        "gen_ai.request.max_tokens": sampling.max_tokens,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
    }
    with _TRACER.start_as_current_span(f"chat {model}", kind=SpanKind.CLIENT, attributes=attributes) as span:
        yield span


def chat_ended(span: Span, completion: Completion) -> None:
    """Note what a message cost."""
    _usage(span, completion.prompt_tokens, completion.cached_tokens, completion.generated_tokens)
    span.set_attribute("gen_ai.response.finish_reasons", [completion.finish])


@contextmanager
def tool_span(name: str, call_id: str) -> Iterator[Span]:
    """One call."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": call_id,
        "gen_ai.tool.type": "function",
    }
    with _TRACER.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
        yield span


def tool_ended(span: Span, *, ok: bool) -> None:
    """Note whether a call did what it should."""
    if not ok:
        span.set_attribute("error.type", "tool_error")
        span.set_status(Status(StatusCode.ERROR))


def check_span(guard: str, place: Place, call_id: str | None, *, began: int) -> Span:
    """One look of a guard; `check_ended` ends it.

    The conventions have no words for guards yet: what evaluations have none for goes by names of our own.
    """
    attributes = {
        "gen_ai.operation.name": "run_guardrail",
        "gen_ai.provider.name": _PROVIDER,
        "gen_ai.evaluation.name": guard,
        "llama3_agent.guard.place": place,
    }
    if call_id is not None:
        attributes["gen_ai.tool.call.id"] = call_id
    return _TRACER.start_span(f"run_guardrail {guard}", attributes=attributes, start_time=began)


@contextmanager
def inside(span: Span) -> Iterator[None]:
    """Spans begun here belong to ``span``, in whatever thread. What is raised leaves no text in it."""
    with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
        yield


def check_ended(span: Span, verdict: GuardVerdict, *, began: int, fault: str | None) -> None:
    """Note what a guard found.

    Args:
        span: What `check_span` gave.
        verdict: What it came to.
        began: When, in nanoseconds since the epoch; the verdict may have waited to be fetched.
        fault: Why there is no answer to rely on, if there is none.
    """
    span.set_attribute("llama3_agent.guard.action", verdict.action)
    span.set_attribute("gen_ai.evaluation.score.label", verdict.label)
    if verdict.score is not None:
        span.set_attribute("gen_ai.evaluation.score.value", verdict.score)
    if verdict.threshold is not None:
        span.set_attribute("llama3_agent.guard.threshold", verdict.threshold)
    if verdict.categories:
        span.set_attribute("llama3_agent.guard.categories", verdict.categories)
    if verdict.usage is not None:
        usage = verdict.usage
        _usage(span, usage.prompt_tokens, usage.cached_tokens, usage.generated_tokens)
    if fault is not None:
        span.set_attribute("error.type", fault)
        span.set_status(Status(StatusCode.ERROR))
    span.end(began + int(verdict.seconds * 1e9))


def _usage(span: Span, prompt: int, cached: int, written: int) -> None:
    span.set_attribute("gen_ai.usage.input_tokens", prompt)
    span.set_attribute("gen_ai.usage.cache_read.input_tokens", cached)
    span.set_attribute("gen_ai.usage.output_tokens", written)
