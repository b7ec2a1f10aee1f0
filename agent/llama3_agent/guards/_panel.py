"""All guards of an agent, asked side by side, each with a time limit; no answer in time means no."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from .._tracing import check_ended, check_span, inside
from ._policy import Policy, Post, TextGuard
from ._types import Assessment, Guard, Place, Subject, no_answer
from ._verdict import GuardVerdict

_MOST_AT_ONCE: Final = 32
"""Looks of one guard at the same time, those counted that were given up and never came back."""
_POLL: Final = 0.05
_STOPPED: Final = "the check was stopped"


@dataclass(frozen=True, slots=True)
class Item:
    """A subject, and the call that it belongs to."""

    subject: Subject
    call_id: str | None = None


class Panel:
    """Asks whoever stands at a place.

    Args:
        posts: The guards.
        timeout: Seconds for a guard whose post sets none.
    """

    def __init__(self, posts: Iterable[Post], *, timeout: float) -> None:
        self._seats = [_Seat(post, timeout) for post in posts]

    @property
    def active(self) -> tuple[str, ...]:
        """Who stands where, as ``"prompt_guard at tool"``, in the order of the way of a turn."""
        order: tuple[Place, ...] = ("input", "call", "tool", "output")
        return tuple(
            f"{seat.name} at {place}" for place in order for seat in self._seats if place in seat.places
        )

    def stands_at(self, place: Place) -> bool:
        """Whether anybody looks there."""
        return any(place in seat.places for seat in self._seats)

    def begin(self, items: Sequence[Item]) -> Looks:
        """Have everybody look who stands at the items' places, all at the same time."""
        looks = [
            _Look(seat, item) for item in items for seat in self._seats if item.subject.place in seat.places
        ]
        for look in looks:
            look.start()
        return Looks(looks)


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks under way."""

    looks: Sequence[_Look]

    def verdicts(self, stop: threading.Event | None = None) -> list[GuardVerdict]:
        """Wait for all of them.

        Args:
            stop: Set to wait no longer; whoever has not answered then has not passed anything.
        """
        return [look.verdict(stop) for look in self.looks]


class _Seat:
    """A post with its defaults filled in."""

    def __init__(self, post: Post, timeout: float) -> None:
        guard = post.guard if isinstance(post.guard, Guard) else _Function(post.guard)
        places = guard.places if post.at is None else [post.at] if isinstance(post.at, str) else post.at
        self.guard, self.name, self.places = guard, str(guard.name), frozenset(places)
        self.policy = post.policy if isinstance(post.policy, Policy) else Policy(post.policy)
        self.timeout = post.timeout or timeout
        self.free = threading.BoundedSemaphore(_MOST_AT_ONCE)


class _Look:
    """One guard looks at one thing, in a thread that nobody has to wait for."""

    def __init__(self, seat: _Seat, item: Item) -> None:
        self._seat, self._item = seat, item
        self._cancel, self._done = threading.Event(), threading.Event()
        self._found: object = None
        self._fault: str | None = None
        self._began = self._ended = time.monotonic()
        self._began_at = time.time_ns()
        self._span = check_span(seat.name, item.subject.place, item.call_id, began=self._began_at)

    def start(self) -> None:
        # A daemon: a guard that hangs must not keep the program from ending.
        threading.Thread(target=self._run, name=f"guard-{self._seat.name}", daemon=True).start()

    def verdict(self, stop: threading.Event | None) -> GuardVerdict:
        """What it found, or that it found nothing in time."""
        limit = self._began + self._seat.timeout
        stopped = False
        while not stopped and not self._done.is_set() and (left := limit - time.monotonic()) > 0:
            self._done.wait(min(left, _POLL) if stop is not None else left)
            stopped = stop is not None and stop.is_set()
        if self._done.is_set():
            return self._told(_checked(self._found), self._fault, self._ended - self._began)
        self._cancel.set()
        late = _STOPPED if stopped else f"no answer within {self._seat.timeout:g} seconds"
        fault = "cancelled" if stopped else "timeout"
        return self._told(no_answer(late), fault, time.monotonic() - self._began)

    def _run(self) -> None:
        try:
            if not self._seat.free.acquire(timeout=self._seat.timeout):
                raise TimeoutError(f"{_MOST_AT_ONCE} earlier checks have not come back")
            try:
                with inside(self._span):
                    self._found = self._seat.guard.look(self._item.subject, cancel=self._cancel)
            finally:
                self._seat.free.release()
        except BaseException as error:  # noqa: BLE001 - whatever ends a guard, the answer must be no
            self._fault = type(error).__name__
            self._found = no_answer(f"the guard could not answer ({self._fault}: {error})")
        finally:
            self._ended = time.monotonic()
            self._done.set()

    def _told(self, found: Assessment, fault: str | None, seconds: float) -> GuardVerdict:
        verdict = GuardVerdict(
            guard=self._seat.name,
            place=self._item.subject.place,
            action=self._seat.policy.decide(found),
            label=found.label,
            score=found.score,
            threshold=found.threshold,
            categories=found.categories,
            span=found.span,
            detail=found.detail,
            seconds=seconds,
            call_id=self._item.call_id,
            usage=found.usage,
        )
        fault = fault or ("no_answer" if found.label == "error" else None)
        check_ended(self._span, verdict, began=self._began_at, fault=fault)
        return verdict


@dataclass(frozen=True, slots=True)
class _Function:
    """A function as a guard."""

    function: TextGuard
    places: frozenset[Place] = field(default=frozenset({"input", "output"}))

    @property
    def name(self) -> str:
        return str(getattr(self.function, "__name__", type(self.function).__name__)).strip("<>")

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Assessment:  # noqa: ARG002
        reason = self.function(subject.text)
        if reason is None:
            return Assessment("passed", flagged=False)
        if not isinstance(reason, str):
            return no_answer(f"the guard returned {reason!r}, neither None nor a reason")
        return Assessment("refused", flagged=True, detail=reason)


def _checked(found: object) -> Assessment:
    """The finding, if it is one."""
    if not isinstance(found, Assessment) or not isinstance(found.flagged, bool):
        return no_answer(f"the guard returned {found!r}, which is no assessment")
    if found.score is not None and not 0 <= found.score <= 1:
        return no_answer(f"the guard returned a score of {found.score!r}")
    if found.label == "error" and not found.flagged:
        return no_answer(found.detail or "the guard could not answer", usage=found.usage)
    return found
