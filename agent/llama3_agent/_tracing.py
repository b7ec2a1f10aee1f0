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


def _usage(span: Span, prompt: int, cached: int, written: int) -> None:
    span.set_attribute("gen_ai.usage.input_tokens", prompt)
    span.set_attribute("gen_ai.usage.cache_read.input_tokens", cached)
    span.set_attribute("gen_ai.usage.output_tokens", written)
