"""`LlamaGuard`: Llama Guard 3 over any engine."""

from __future__ import annotations

import asyncio
import math
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_core.messages import HumanMessage

from llama3_prompts import Codec
from llama3_prompts.guard import CATEGORIES_1B, CATEGORIES_8B, Category, guard_ids, read_verdict

from .._run import Usage
from ..engine import ContextOverflow, Engine, EngineError, ModelUnsuitable, Sampling
from ..errors import ConfigurationError
from ._shared import Shared
from ._types import Assessment, Place, Subject, no_answer

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from ..engine import Completion

_MOST_TOKENS: Final = 48
"""Room for ``unsafe`` and every code there is."""

_ENGINES: Final[Shared[tuple[str, str], Engine]] = Shared()


class LlamaGuard:
    """Judges what people ask and what the model says and does, with Llama Guard 3.

    The score is the probability of ``unsafe`` at the first token of the answer, which takes one forward pass;
    the categories are generated only when there is something to name. The policy text is computed once and
    kept: a later call computes only the conversation.

    Args:
        llama: An engine, or the name or folder of a model, which is then loaded once for all guards.
        categories: What counts as unsafe; by default what the model was trained on: S1 to S14 (8B), S1 to
            S13 (1B, known by its family, 3.2). Categories of one's own are added here.
        without: Codes to leave out; the others keep their numbers. With none left, the model is not asked.
        threshold: The score from which something is unsafe.
        thresholds: Others for single categories, by code.
        weights: ``"int8"`` for eight bits a weight on a CPU, when the model is loaded here.
        tenant: Whose guard calls share what was computed; see `Engine.complete`.

    Raises:
        ConfigurationError: a threshold is no probability, or a code is unknown.
        ModelError: the model cannot be loaded, or answers in tokens that cannot be told apart.
    """

    name = "llama_guard"
    places: frozenset[Place] = frozenset({"input", "call", "output"})

    def __init__(
        self,
        llama: Engine | str | Path = "meta-llama/Llama-Guard-3-8B",
        *,
        categories: Iterable[Category] | None = None,
        without: Iterable[str] = (),
        threshold: float = 0.5,
        thresholds: Mapping[str, float] | None = None,
        weights: Literal["full", "int8"] = "full",
        tenant: str = "llama-guard",
    ) -> None:
        self.engine = _engine(llama, weights) if isinstance(llama, str | Path) else llama
        small = self.engine.family == "3.2"
        known = tuple(categories) if categories is not None else CATEGORIES_1B if small else CATEGORIES_8B
        self.categories = _without(known, frozenset(without))
        self.threshold, self._thresholds = threshold, dict(thresholds or {})
        _check_thresholds(threshold, self._thresholds, {one.code for one in known})
        self._ending = " " if small else ""
        self._codec = Codec(self.engine.tokenizer, tools=False)
        self._unsafe, self._watch = _unsafe_ids(self._codec)
        self._tenant = tenant
        self._pins: dict[str, Any] = {}
        self._lock = threading.Lock()

    def check(
        self, what: str | Sequence[BaseMessage], *, cancel: threading.Event | None = None
    ) -> Assessment:
        """Judge the last turn of a conversation, or a text as what a person says.

        Args:
            what: Messages; the reply to judge, or the question if nobody has answered it yet, comes last.
            cancel: Set it to have no more computed; the assessment is then an error.

        Raises:
            ValueError: the conversation does not begin with a person, or holds an image.
            EngineError: the engine cannot answer.
        """
        messages: list[BaseMessage] = [HumanMessage(what)] if isinstance(what, str) else list(what)
        if not self.categories:
            return Assessment("safe", flagged=False, detail="no category is left to check")
        prompt = self._prompt(messages)
        session = f"guard-{uuid.uuid4().hex}"
        try:
            found = self._judged(prompt, session, cancel)
        finally:
            self.engine.release(session, tenant=self._tenant)
        if found.label != "error":
            self._pin(messages)
        return found

    async def acheck(self, what: str | Sequence[BaseMessage]) -> Assessment:
        """`check`, for use in an event loop; the work is done in a worker thread."""
        return await asyncio.to_thread(self.check, what)

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Assessment:
        """Judge a subject by its conversation, or by its text alone if there is none."""
        return self.check(subject.messages or subject.text, cancel=cancel)

    def _prompt(self, messages: list[BaseMessage]) -> list[int]:
        """The ids to answer; where they do not fit, the oldest questions and their answers are left out."""
        while True:
            ids = guard_ids(self._codec, messages, self.categories, ending=self._ending)
            if len(ids) + _MOST_TOKENS <= self.engine.context_length:
                return ids
            people = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
            if len(people) < 2:
                raise ContextOverflow(len(ids) + _MOST_TOKENS, self.engine.context_length)
            messages = messages[people[1] :]

    def _judged(self, prompt: list[int], session: str, cancel: threading.Event | None) -> Assessment:
        completion = self._answer(prompt, session, cancel)
        usage = Usage().plus(completion)
        text = self._codec.decode(completion.ids)
        verdict = read_verdict(text)
        if cancel is not None and cancel.is_set() and completion.finish == "cancelled":
            return no_answer("the check was stopped", usage=usage)
        if verdict.decision == "error":
            shown = " ".join(text.split())[:60]
            return no_answer(f"the answer {shown!r} is neither safe nor unsafe", usage=usage)
        score = self._score(completion)
        if score < min([self.threshold, *self._thresholds.values()]):
            return Assessment("safe", flagged=False, score=score, threshold=self.threshold, usage=usage)
        if verdict.safe:
            more = self._codes(prompt, session, cancel)
            usage = usage.plus(more)
            verdict = read_verdict(f"unsafe\n{self._codec.decode(more.ids)}")
        return self._thresholded(score, verdict.codes, usage)

    def _answer(self, prompt: list[int], session: str, cancel: threading.Event | None) -> Completion:
        enough = _Stop(cancel)
        written: list[int] = []

        def read(token: int) -> None:
            written.append(token)
            # ``safe`` is all that can be said of it; after ``unsafe`` come the codes.
            if self._codec.decode(written).strip().lower() == "safe":
                enough.set()

        return self.engine.complete(
            prompt,
            session=session,
            sampling=Sampling(max_tokens=_MOST_TOKENS, watch=self._watch),
            on_token=read,
            cancel=enough,
            tenant=self._tenant,
        )

    def _codes(self, prompt: list[int], session: str, cancel: threading.Event | None) -> Completion:
        """What the model names once it has been made to say ``unsafe``."""
        return self.engine.complete(
            [*prompt, *self._unsafe, *self._codec.encode("\n")],
            session=session,
            sampling=Sampling(max_tokens=_MOST_TOKENS),
            cancel=cancel,
            tenant=self._tenant,
        )

    def _score(self, completion: Completion) -> float:
        """The probability of ``unsafe`` where the answer begins.

        Of an engine that tells only about the tokens it chose, everything that is not ``safe`` counts.
        """
        place = next(
            (i for i, token in enumerate(completion.ids) if self._codec.token_bytes(token).strip()), 0
        )
        if completion.watched:
            return min(1.0, sum(map(math.exp, completion.watched[place])))
        probability = math.exp(completion.logprobs[place])
        return probability if completion.ids[place] in self._watch else 1 - probability

    def _thresholded(self, score: float, codes: tuple[str, ...], usage: Usage) -> Assessment:
        limits = {code: self._thresholds.get(code, self.threshold) for code in codes}
        reached = tuple(code for code, limit in limits.items() if score >= limit)
        threshold = min((limits[code] for code in reached or codes), default=self.threshold)
        flagged = score >= threshold
        names = {one.code: one.name for one in self.categories}
        named = ", ".join(f"{code} {names.get(code, '(unknown)')}" for code in reached)
        return Assessment(
            "unsafe" if flagged else "safe",
            flagged=flagged,
            score=score,
            threshold=threshold,
            categories=reached,
            detail=(named or "no category was named") if flagged else "",
            usage=usage,
        )

    def _pin(self, messages: list[BaseMessage]) -> None:
        """Keep the policy text, which the request has just computed, whatever else needs memory."""
        pin = getattr(self.engine, "pin", None)
        role = "User" if isinstance(messages[-1], HumanMessage) else "Agent"
        with self._lock:
            if pin is None or role in self._pins:
                return
            self._pins[role] = None
        one, other = (
            guard_ids(self._codec, [HumanMessage(text), *messages[-1:] * (role == "Agent")], self.categories)
            for text in ("a", "b")
        )
        alike = next((i for i, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), len(one))
        with suppress(EngineError):  # there is no room to keep it: then it is computed again
            self._pins[role] = pin(one[:alike], tenant=self._tenant)


class _Stop(threading.Event):
    """An event that another one sets too."""

    def __init__(self, other: threading.Event | None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or (self._other is not None and self._other.is_set())


def _engine(name: str | Path, weights: Literal["full", "int8"]) -> Engine:
    def load() -> Engine:
        from .._llama import Llama  # torch: only when a model is to be loaded

        return Llama(name, weights=weights)

    return _ENGINES.get((str(name), weights), load)


def _without(categories: tuple[Category, ...], codes: frozenset[str]) -> tuple[Category, ...]:
    _check_known(codes, {one.code for one in categories}, "without")
    return tuple(one for one in categories if one.code not in codes)


def _check_thresholds(threshold: float, thresholds: Mapping[str, float], known: set[str]) -> None:
    _check_known(thresholds, known, "thresholds")
    for value in (threshold, *thresholds.values()):
        if not 0 < value <= 1:
            raise ConfigurationError(f"a threshold is above 0 and at most 1, not {value!r}")


def _check_known(codes: Iterable[str], known: set[str], name: str) -> None:
    if unknown := sorted(set(codes) - known):
        raise ConfigurationError(
            f"{name}: there is no category {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )


def _unsafe_ids(codec: Codec) -> tuple[list[int], tuple[int, ...]]:
    """The ids of ``unsafe``, and those with which an answer that says so may begin."""
    unsafe, spaced = codec.encode("unsafe"), codec.encode(" unsafe")
    if unsafe[0] == codec.encode("safe")[0]:
        raise ModelUnsuitable(
            "the tokenizer writes 'safe' and 'unsafe' with the same first token, so no score can be read"
        )
    return unsafe, tuple(dict.fromkeys([unsafe[0], *(spaced if len(spaced) == 1 else [])]))
