"""Prefill, then one token after another: what happens between a checked request and its completion."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from llama3_agent.engine._guide import Guide
from llama3_agent.engine._lookup import Lookup
from llama3_agent.engine._runner import Runner
from llama3_agent.engine._sampler import Sampler, logprob
from llama3_agent.engine._sessions import Session, SessionStore
from llama3_agent.engine._types import Completion, Finish


@dataclass(slots=True)
class Request:
    """A request under way.

    Attributes:
        prompt: the checked ids.
        limit: the most tokens to generate; prompt and answer fit into the context.
        started: `time.perf_counter()` when it came in.
        guide: says what the answer may be, if it may not be anything.
        lookup: guesses what may come next.
        on_prefill: told how many tokens of the prompt are computed, and how many there are.
        watch: ids whose log-probability is wanted at every position.
    """

    prompt: list[int]
    limit: int
    sampler: Sampler
    on_token: Callable[[int], None] | None
    cancel: threading.Event | None
    started: float
    guide: Guide | None = None
    lookup: Lookup | None = None
    on_prefill: Callable[[int, int], None] | None = None
    watch: tuple[int, ...] = ()
    cached: int = 0
    computed: int = 0
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    watched: list[tuple[float, ...]] = field(default_factory=list)
    first_token_seconds: float | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the answer."""
        return self.cancel is not None and self.cancel.is_set()

    def choose(self, logits: Tensor) -> list[int]:
        """Choose the next token and hand it to the caller; returns those that must follow it."""
        allowed = self.guide.allowed() if self.guide is not None else None
        return self.take(self.sampler.pick(logits, allowed), logits)

    def draft(self) -> list[int]:
        """A guess of what follows the last token. Under a guide there is none: most of it is sure."""
        if self.lookup is None or self.guide is not None:
            return []
        return self.lookup.draft()[: self.limit - len(self.ids) - 1]

    def take(self, token: int, logits: Tensor) -> list[int]:
        """Hand a token to the caller, given the logits `[vocabulary]` before it."""
        if not self.ids:
            self.first_token_seconds = time.perf_counter() - self.started
        self.ids.append(token)
        if self.lookup is not None:
            self.lookup.extend((token,))
        self.logprobs.append(logprob(logits, token))
        if self.watch:
            self.watched.append(tuple(logprob(logits, one) for one in self.watch))
        if self.on_token is not None:
            self.on_token(token)
        return self.guide.accept(token) if self.guide is not None else []

    def completion(self, finish: Finish) -> Completion:
        """What came of it."""
        return Completion(
            ids=tuple(self.ids),
            logprobs=tuple(self.logprobs),
            finish=finish,
            prompt_tokens=len(self.prompt),
            cached_tokens=self.cached,
            computed_tokens=self.computed,
            generated_tokens=len(self.ids),
            seconds=time.perf_counter() - self.started,
            first_token_seconds=self.first_token_seconds,
            watched=tuple(self.watched),
        )


class Loop:
    """Runs requests on sessions.

    Args:
        runner: forwards tokens.
        sessions: makes room for what is forwarded.
        stop_ids: ids that end an answer.
    """

    def __init__(self, runner: Runner, sessions: SessionStore, stop_ids: frozenset[int]) -> None:
        self._runner = runner
        self._sessions = sessions
        self._stop_ids = stop_ids

    def run(self, request: Request, session: Session) -> Finish:
        """Compute what `session` does not hold yet, then generate.

        The last token generated is never forwarded here: it belongs to the next request, which knows whether
        there is one.
        """
        logits = self.prefill(request, session)
        if logits is None:
            return "cancelled"
        forced = request.choose(logits)
        while not (finish := self._finish(request)):
            # What must follow needs no choice, so it is computed together with the token before it; what
            # may follow is computed with it too, and kept as far as it was chosen.
            sure = [request.ids[-1], *forced]
            draft = request.draft()
            start = len(session.tokens)
            rows = self._forward(session, sure + draft, rows=len(sure) + len(draft))
            for token, before in zip(forced, rows, strict=False):
                request.take(token, before)
                if finish := self._finish(request):
                    return finish
            forced, kept = self._follow(request, draft, rows[len(sure) - 1 :])
            session.keep(start + len(sure) + kept)
        return finish

    def _follow(self, request: Request, draft: list[int], rows: Tensor) -> tuple[list[int], int]:
        """Choose tokens as long as they are those of the draft, and one more.

        Returns:
            What must follow the last one, and how many were in the draft.
        """
        forced = request.choose(rows[0])
        kept = 0
        while kept < len(draft) and request.ids[-1] == draft[kept] and not self._finish(request):
            kept += 1
            forced = request.choose(rows[kept])
        return forced, kept

    def _finish(self, request: Request) -> Finish | None:
        if request.ids[-1] in self._stop_ids:
            return "stop"
        if len(request.ids) == request.limit:
            return "length"
        return "cancelled" if request.cancelled else None

    def prefill(self, request: Request, session: Session) -> Tensor | None:
        """Compute what nobody has computed of the prompt; the logits after it, None if cancelled."""
        self._sessions.check_room(session, len(request.prompt) + request.limit)
        request.cached = self._sessions.prepare(session, request.prompt)
        self._sessions.make_room(session, len(request.prompt))
        logits = None
        while (start := len(session.tokens)) < len(request.prompt):
            if request.cancelled:
                return None
            chunk = request.prompt[start : start + self._runner.chunk_now]
            logits = self._forward(session, chunk)[-1]
            request.computed += len(chunk)
            if request.on_prefill is not None:
                request.on_prefill(len(session.tokens), len(request.prompt))
        return None if request.cancelled else logits

    def _forward(self, session: Session, tokens: list[int], *, rows: int = 1) -> Tensor:
        self._sessions.make_room(session, len(session.tokens) + len(tokens))
        return self._runner.forward(session, tokens, rows=rows)
