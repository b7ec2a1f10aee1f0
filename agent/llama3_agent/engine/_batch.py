"""What many threads want computed, in as few forwards as possible.

There is no thread of its own. A thread queues its work; if no forward is under way it takes what is queued
and runs it for all, otherwise it waits to be served or to find the place free.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor

from llama3_agent.engine._sessions import Session

_LONGEST_WAIT = 0.005
_SHARE = 0.2
"""Of the time of a forward, what is waited for others to join the next one."""


@dataclass(slots=True, eq=False)
class Work:
    """Tokens to append to a session.

    Attributes:
        rows: of how many of the last tokens the logits are wanted.
        logits: what came of it, `[rows, vocabulary]`.
        error: what went wrong, if something did.
        alone: whether it has failed together with others, and is tried by itself.
    """

    session: Session
    tokens: Sequence[int]
    rows: int
    logits: Tensor | None = None
    error: Exception | None = None
    alone: bool = False

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.logits is not None or self.error is not None


class Batcher:
    """Runs work together.

    Args:
        run: computes some works at once and sets their logits; raises if that fails.
        most_tokens: the tokens of a forward, unless a single work has more.
    """

    def __init__(self, run: Callable[[Sequence[Work]], None], *, most_tokens: int) -> None:
        self._run = run
        self._most_tokens = most_tokens
        self._waiting: list[Work] = []
        self._changed = threading.Condition()
        self._running = False
        self._requests = 0
        self._seconds = 0.0

    @property
    def requests(self) -> int:
        """How many requests are under way."""
        return self._requests

    @contextmanager
    def request(self) -> Iterator[None]:
        """Announces that work will come again and again, so that a forward may wait a moment for it."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def forward(self, work: Work) -> Tensor:
        """Have `work` done, by this thread or by another; returns its logits."""
        with self._changed:
            self._waiting.append(work)
            self._changed.notify_all()
        try:
            while batch := self._next_batch(work):
                self._lead(batch)
        except BaseException:
            self._withdraw(work)
            raise
        if work.error is not None:
            raise work.error
        assert work.logits is not None
        return work.logits

    def _next_batch(self, work: Work) -> list[Work]:
        """What this thread is to run; nothing once its own work is finished."""
        with self._changed:
            self._changed.wait_for(lambda: work.finished or not self._running)
            if work.finished:
                return []
            self._running = True
            patience = min(_LONGEST_WAIT, _SHARE * self._seconds)
            self._changed.wait_for(lambda: len(self._waiting) >= self._requests, timeout=patience)
            batch = self._choose()
            self._waiting = [one for one in self._waiting if one not in batch]
        return batch

    def _choose(self) -> list[Work]:
        """Single tokens first, for somebody is reading them; then prompts, first come first served."""
        if self._waiting[0].alone:
            return self._waiting[:1]
        batch: list[Work] = []
        left = self._most_tokens
        for work in sorted(self._waiting, key=lambda one: len(one.tokens) > 1):
            if not work.alone and (not batch or len(work.tokens) <= left):
                batch.append(work)
                left -= len(work.tokens)
        return batch

    def _lead(self, batch: list[Work]) -> None:
        started = time.perf_counter()
        try:
            self._run(batch)
        except Exception as error:  # noqa: BLE001 - told to the one whose work it is
            self._put_back(batch, error)
        except BaseException:
            self._put_back(batch, None)
            raise
        finally:
            with self._changed:
                self._seconds = time.perf_counter() - started
                self._running = False
                self._changed.notify_all()

    def _put_back(self, batch: list[Work], error: Exception | None) -> None:
        """What failed together is tried again one by one, so that nobody suffers for another's work."""
        for work in batch:
            work.session.settle()
            if error is not None and len(batch) == 1:
                work.error = error
            elif error is not None:
                work.alone = True
        with self._changed:
            self._waiting[:0] = [work for work in batch if not work.finished]

    def _withdraw(self, work: Work) -> None:
        with self._changed:
            self._waiting = [one for one in self._waiting if one is not work]
            self._changed.notify_all()
