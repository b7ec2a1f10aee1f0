"""An engine without a model: it answers with what its script says, token by token."""

import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llama3_agent.engine import (
    STOP_TOKENS,
    Completion,
    EngineStats,
    Finish,
    Sampling,
    ScriptExhausted,
)
from llama3_agent.engine._prefix import reusable
from llama3_agent.engine._request import checked_prompt

if TYPE_CHECKING:
    from llama3_prompts import Grammar

Reply = str | Callable[[str], str]


class ScriptedLlama:
    """A test double that speaks raw text, for everything that is built on an engine.

    Each request takes the next reply. A reply is text with its special tokens written out, such as
    ``"<|python_tag|>print(2)<|eom_id|>"``; they become the real special tokens. A callable reply gets the
    prompt as text, special tokens visible, and returns such text. A reply without a stop token ends as
    ``"length"``, as if the limit had cut it off. The account is that of a cache that forgets nothing.

    Args:
        tokenizer: a Hugging Face fast tokenizer with Llama 3's special tokens.
        replies: the script; a generator works too.
        family: the Llama 3 family it pretends to be.
        context_length: prompts of this length or more are refused, as the real engine does.

    Attributes:
        prompts: the ids of every request so far.
        sessions: the session name of every request so far.
        samplings: the sampling of every request so far.
        grammars: the grammar of every request so far.
        tenants: the tenant of every request so far.
    """

    def __init__(
        self,
        tokenizer: Any,
        replies: Iterable[Reply],
        *,
        family: str = "3.1",
        context_length: int = 8192,
    ) -> None:
        self.tokenizer = tokenizer
        self.family = family
        self.context_length = context_length
        known = tokenizer.get_vocab()
        self.stop_ids = frozenset(known[token] for token in STOP_TOKENS if token in known)
        added = tokenizer.added_tokens_decoder.items()
        self._special_ids = {str(token.content): number for number, token in added if token.special}
        self._specials = re.compile("(" + "|".join(map(re.escape, self._special_ids)) + ")")
        self.prompts: list[tuple[int, ...]] = []
        self.sessions: list[str] = []
        self.samplings: list[Sampling] = []
        self.grammars: list[Grammar | None] = []
        self.tenants: list[str] = []
        self._replies = iter(replies)
        self._known: dict[str, list[list[int]]] = {}
        self._open: set[tuple[str, str]] = set()
        self._stats = EngineStats()
        self._lock = threading.Lock()

    def complete(
        self,
        ids: Sequence[int],
        *,
        session: str = "default",
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        on_token: Callable[[int], None] | None = None,
        cancel: threading.Event | None = None,
        grammar: "Grammar | None" = None,
        tenant: str = "",
    ) -> Completion:
        """Play the next reply, whatever the grammar. See `Engine.complete`.

        Raises:
            ScriptExhausted: the script has no reply left.
            RequestError: the prompt is empty, too long, or holds unknown ids.
        """
        started = time.perf_counter()
        prompt = checked_prompt(
            ids, vocabulary=len(self.tokenizer), context_length=self.context_length, watch=sampling.watch
        )
        self.grammars.append(grammar)
        self.tenants.append(tenant)
        reply = self._next_reply(prompt, session, sampling)
        limit = min(sampling.max_tokens, self.context_length - len(prompt))
        spoken, finish = self._speak(reply, limit, on_token, cancel)
        with self._lock:
            cached = self._remember(tenant, prompt, spoken)
            self._open.add((tenant, session))
            account = self._account(prompt, spoken, finish, cached, time.perf_counter() - started)
            # What a script says is certain.
            sure = [tuple(0.0 if one == said else -math.inf for one in sampling.watch) for said in spoken]
            return replace(account, watched=tuple(sure) if sampling.watch else ())

    def release(self, session: str, *, tenant: str = "") -> None:
        """Forget a session."""
        with self._lock:
            self._open.discard((tenant, session))

    def stats(self) -> EngineStats:
        """Totals so far; `cache_bytes` is 0, there is no cache."""
        with self._lock:
            return replace(self._stats, sessions=len(self._open))

    def _next_reply(self, prompt: list[int], session: str, sampling: Sampling) -> list[int]:
        with self._lock:
            self.prompts.append(tuple(prompt))
            self.sessions.append(session)
            self.samplings.append(sampling)
            reply = next(self._replies, None)
        if reply is None:
            raise ScriptExhausted(
                f"request {len(self.prompts)} came, but the script has no reply left for it"
            )
        text = reply if isinstance(reply, str) else reply(self.tokenizer.decode(prompt))
        return self._encode(text)

    def _encode(self, text: str) -> list[int]:
        # Special tokens are taken out by hand: a fast tokenizer keeps "split_special_tokens" as a setting of
        # its own, so asking for both ways from several threads would mix them up.
        ids: list[int] = []
        for part in self._specials.split(text):
            if part in self._special_ids:
                ids.append(self._special_ids[part])
            elif part:
                ids += self.tokenizer.encode(part, add_special_tokens=False, split_special_tokens=True)
        return ids

    def _speak(
        self,
        reply: list[int],
        limit: int,
        on_token: Callable[[int], None] | None,
        cancel: threading.Event | None,
    ) -> tuple[list[int], Finish]:
        spoken: list[int] = []
        for token in reply[:limit]:
            if cancel is not None and cancel.is_set():
                return spoken, "cancelled"
            spoken.append(token)
            if on_token is not None:
                on_token(token)
            if token in self.stop_ids:
                return spoken, "stop"
        return spoken, "length"

    def _remember(self, tenant: str, prompt: list[int], spoken: list[int]) -> int:
        """Keep what has been computed, and return how much of the prompt was there before."""
        known = self._known.get(tenant, [])
        shared = [reusable(sequence, prompt) for sequence in known]
        # What the new sequence begins with is kept in it: so a conversation counts once, however long it is.
        apart = [sequence for sequence, size in zip(known, shared, strict=True) if size < len(sequence)]
        self._known[tenant] = [*apart, prompt + spoken[:-1]]
        return max(shared, default=0)

    def _account(
        self, prompt: list[int], spoken: list[int], finish: Finish, cached: int, seconds: float
    ) -> Completion:
        completion = Completion(
            ids=tuple(spoken),
            logprobs=(0.0,) * len(spoken),
            finish=finish,
            prompt_tokens=len(prompt),
            cached_tokens=cached,
            computed_tokens=len(prompt) - cached,
            generated_tokens=len(spoken),
            seconds=seconds,
            first_token_seconds=seconds if spoken else None,
        )
        self._stats = self._stats.plus(completion)
        return completion
