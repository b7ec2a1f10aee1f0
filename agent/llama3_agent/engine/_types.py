"""The one interface to engines: token ids in; ids, log-probabilities and an account of the work out."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from llama3_agent.engine.errors import InvalidSampling

if TYPE_CHECKING:
    from llama3_prompts import Grammar

Finish = Literal["stop", "length", "cancelled"]
"""Why generation ended: a stop token, the token limit (or the end of the context), or the caller's event."""

STOP_TOKENS = ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>")
"""End of turn, end of message (a tool result comes next), end of text (base models)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens.

    Attributes:
        temperature: 0 always takes the likeliest token; above 0, logits are divided by it before drawing.
        top_p: draw only from the smallest set of likeliest tokens whose probability reaches this; 1 is all.
        seed: makes draws repeatable; None draws afresh each time.
        max_tokens: the most tokens to generate, the stop token included.
        watch: ids whose log-probability is wanted at every position, chosen or not; see `Completion.watched`.

    Raises:
        InvalidSampling: a value is out of range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    max_tokens: int = 1024
    watch: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InvalidSampling(f"temperature must be 0 or more and finite, not {self.temperature!r}")
        if not 0 < self.top_p <= 1:
            raise InvalidSampling(f"top_p must be above 0 and at most 1, not {self.top_p!r}")
        if self.max_tokens < 1:
            raise InvalidSampling(f"max_tokens must be at least 1, not {self.max_tokens!r}")


@dataclass(frozen=True, slots=True)
class Completion:
    """What one request produced, and what it cost.

    Attributes:
        ids: the generated ids, the stop token included when one was produced.
        logprobs: natural-log probability of each id under the model's own distribution (temperature 1,
            no top-p); as many as `ids`.
        finish: why generation ended.
        prompt_tokens: length of the prompt.
        cached_tokens: prompt tokens that this session, or another of the same tenant, had computed before.
        computed_tokens: prompt tokens forwarded through the model; `prompt_tokens - cached_tokens` unless
            cancelled during the prefill.
        generated_tokens: length of `ids`.
        seconds: wall time of the request.
        first_token_seconds: wall time until the first token; None if there was none.
        watched: for each of `ids`, the natural-log probabilities of ``Sampling.watch`` at its position, under
            the model's own distribution; empty if nothing was to be watched, or the engine cannot.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: Finish
    prompt_tokens: int
    cached_tokens: int
    computed_tokens: int
    generated_tokens: int
    seconds: float
    first_token_seconds: float | None
    watched: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Totals since the engine was made, and what its cache holds now.

    Attributes:
        requests: finished requests, cancelled ones included.
        prompt_tokens: sum over requests; likewise `cached_tokens`, `computed_tokens`, `generated_tokens`.
        cache_bytes: memory that caches occupy now: the sessions' own buffers and what they share.
        shared_bytes: the part of it that is shared, each prefix stored once.
        sessions: sessions with a buffer now.
        evictions: shared prefixes dropped to stay within the budget.
    """

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    computed_tokens: int = 0
    generated_tokens: int = 0
    cache_bytes: int = 0
    shared_bytes: int = 0
    sessions: int = 0
    evictions: int = 0

    def plus(self, completion: Completion) -> "EngineStats":
        """These totals with one more request."""
        return replace(
            self,
            requests=self.requests + 1,
            prompt_tokens=self.prompt_tokens + completion.prompt_tokens,
            cached_tokens=self.cached_tokens + completion.cached_tokens,
            computed_tokens=self.computed_tokens + completion.computed_tokens,
            generated_tokens=self.generated_tokens + completion.generated_tokens,
        )


@runtime_checkable
class Engine(Protocol):
    """Anything that continues token ids.

    Attributes:
        tokenizer: a Hugging Face fast tokenizer with Llama 3's special tokens.
        family: "3", "3.1", "3.2" or "3.3".
        context_length: the most tokens, prompt and answer together.
        stop_ids: ids that end a completion.
    """

    @property
    def tokenizer(self) -> Any: ...

    @property
    def family(self) -> str: ...

    @property
    def context_length(self) -> int: ...

    @property
    def stop_ids(self) -> frozenset[int]: ...

    def complete(
        self,
        ids: Sequence[int],
        *,
        session: str = "default",
        sampling: Sampling = ...,
        on_token: Callable[[int], None] | None = None,
        cancel: threading.Event | None = None,
        grammar: "Grammar | None" = None,
        tenant: str = "",
    ) -> Completion:
        """Continue `ids` until a stop token, the limit, or `cancel`.

        Args:
            ids: the whole conversation so far; reuse is found on the ids themselves.
            session: whose buffer to use.
            sampling: how to choose tokens.
            on_token: called with each id as it is chosen, in the calling thread.
            cancel: set it from any thread to end the request early; checked at every token.
            grammar: what the answer may be.
            tenant: sessions of one tenant share what they have computed of the same prefix; nothing is shared
                between tenants, not even its speed.

        Raises:
            RequestError: the request is wrong; nothing was computed.
        """
        ...

    def release(self, session: str, *, tenant: str = "") -> None:
        """Forget a session. Unknown sessions are ignored."""
        ...

    def stats(self) -> EngineStats:
        """Totals since the engine was made."""
        ...
