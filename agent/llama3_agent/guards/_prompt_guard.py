"""`PromptGuard`: Prompt Guard 1 and 2 over texts of any length."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..engine import ModelUnsuitable
from ..engine._source import folder_of
from ..errors import ConfigurationError
from ._shared import Shared
from ._types import Assessment, Place, Subject, no_answer
from ._views import views
from ._windows import windows

if TYPE_CHECKING:
    from torch import Tensor

    from ._classifier import Classifier

Source = Literal["user", "third_party"]
"""Who wrote a text: the person who is served, or anybody else."""

_OVERLAP: Final = 128
_BENIGN: Final = ("benign", "safe")
_INJECTION: Final = "injection"
_UNNAMED: Final = {2: ("benign", "malicious"), 3: ("benign", "injection", "jailbreak")}
"""The labels of Prompt Guard 2 and 1, for files that only number them."""

_CLASSIFIERS: Final[Shared[tuple[str, str | None, str], Classifier]] = Shared()


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of one reading of one text.

    Attributes:
        text: Number of the text.
        ids: Its tokens.
        span: Its characters in the text; None where the reading is not the text as it stands.
    """

    text: int
    ids: list[int]
    span: tuple[int, int] | None


class PromptGuard:
    """Finds attempts to take a model over, with Prompt Guard 1 (86M) or 2 (86M, 22M).

    A text is read as it stands, with its disguise taken off, and with its encodings undone; a long one in
    windows of 512 tokens that overlap, so that a stretch of up to ``overlap`` tokens is never seen only in
    pieces. The score is that of the worst window. The model is loaded once for all guards.

    What somebody else wrote may not give instructions at all, and every label but the benign one counts. In
    what the user says, ordinary commands look like injections to version 1, so only jailbreaks count.

    Args:
        model: A Hugging Face id or a folder.
        threshold: The score from which a text is flagged.
        temperature: Logits are divided by it: above 1, scores move towards the middle.
        overlap: Tokens that neighbouring windows share; by default 128, or half a smaller window.
        batch: Windows in one forward.
        weights: ``"int8"`` for eight bits a weight on a CPU.
        device: See `Llama`.
        progress: See `Llama`.

    Raises:
        ConfigurationError: a number is out of range.
        ModelError: the model cannot be loaded, or has labels of another kind.
    """

    name = "prompt_guard"
    places: frozenset[Place] = frozenset({"input", "tool"})

    def __init__(
        self,
        model: str | Path = "meta-llama/Llama-Prompt-Guard-2-86M",
        *,
        threshold: float = 0.5,
        temperature: float = 1.0,
        overlap: int | None = None,
        batch: int = 16,
        weights: Literal["full", "int8"] = "full",
        device: str | None = None,
        progress: bool | None = None,
    ) -> None:
        if not 0 < threshold <= 1:
            raise ConfigurationError(f"a threshold is above 0 and at most 1, not {threshold!r}")
        if not 0 < temperature < float("inf"):
            raise ConfigurationError(f"temperature must be above 0 and finite, not {temperature!r}")
        if batch < 1:
            raise ConfigurationError(f"batch must be at least 1, not {batch!r}")
        self.threshold, self._temperature, self._batch = threshold, temperature, batch
        self._classifier = _classifier(str(model), device, weights, progress)
        window = self._classifier.window
        self._overlap = min(_OVERLAP, window // 2) if overlap is None else overlap
        if not 0 <= self._overlap < window:
            raise ConfigurationError(
                f"overlap must be at least 0 and less than the window of {window}, not {overlap!r}"
            )
        self._labels = _labels(self._classifier.labels)

    def check(
        self, text: str, *, source: Source = "third_party", cancel: threading.Event | None = None
    ) -> Assessment:
        """Judge a text.

        Args:
            text: Of any length.
            source: Who wrote it.
            cancel: Set it to have no more computed; the assessment is then an error.
        """
        return self.check_all([text], source=source, cancel=cancel)[0]

    def check_all(
        self,
        texts: Sequence[str],
        *,
        source: Source = "third_party",
        cancel: threading.Event | None = None,
    ) -> list[Assessment]:
        """Judge several texts, their windows computed in common batches."""
        pieces = [one for number, text in enumerate(texts) for one in self._windows(number, text)]
        rows: list[list[float]] = []
        for start in range(0, len(pieces), self._batch):
            if cancel is not None and cancel.is_set():
                return [no_answer("the check was stopped") for _ in texts]
            logits = self._classifier.logits([one.ids for one in pieces[start : start + self._batch]])
            rows += self._probabilities(logits)
        return [
            self._worst([(p, row) for p, row in zip(pieces, rows, strict=True) if p.text == number], source)
            for number in range(len(texts))
        ]

    async def acheck(self, text: str, *, source: Source = "third_party") -> Assessment:
        """`check`, for use in an event loop; the work is done in a worker thread."""
        return await asyncio.to_thread(self.check, text, source=source)

    def look(self, subject: Subject, *, cancel: threading.Event | None = None) -> Assessment:
        """Judge the text of a subject: at ``tool`` as somebody else's."""
        source: Source = "third_party" if subject.place == "tool" else "user"
        return self.check(subject.text, source=source, cancel=cancel)

    def _windows(self, number: int, text: str) -> list[_Window]:
        pieces = []
        for order, reading in enumerate(views(text)):
            ids, places = self._classifier.encode(reading)
            for window in windows(len(ids), self._classifier.window, self._overlap):
                span = (places[window[0]][0], places[window[-1]][1]) if order == 0 else None
                pieces.append(_Window(number, ids[window.start : window.stop], span))
        return pieces

    def _probabilities(self, logits: Tensor) -> list[list[float]]:
        """Logits ``[windows, labels]`` as probabilities."""
        probabilities: list[list[float]] = (logits / self._temperature).softmax(-1).tolist()
        return probabilities

    def _worst(self, seen: list[tuple[_Window, list[float]]], source: Source) -> Assessment:
        """What the windows of one text come to."""
        counted = _counted(self._labels, source)
        scored = [(sum(row[index] for index in counted), piece, row) for piece, row in seen]
        if any(score != score for score, _, _ in scored):
            return no_answer("the classifier gave no number")
        if not scored:
            return Assessment("benign", flagged=False, score=0.0, threshold=self.threshold)
        score, _, row = max(scored, key=lambda one: one[0])
        if score < self.threshold:
            return Assessment("benign", flagged=False, score=score, threshold=self.threshold)
        label = self._labels[max(counted, key=lambda index: row[index])]
        visible = [(score, piece.span) for score, piece, _ in scored if piece.span is not None]
        best, span = max(visible, default=(0.0, None))
        return Assessment(
            label,
            flagged=True,
            score=min(score, 1.0),
            threshold=self.threshold,
            span=span if best >= self.threshold else None,
            detail=f"it reads like an attempt to take the model over ({label})",
        )


def _classifier(
    name: str, device: str | None, weights: Literal["full", "int8"], progress: bool | None
) -> Classifier:
    def load() -> Classifier:
        folder = folder_of(name, download_bar=progress is not False)
        from ._classifier import Classifier  # torch and transformers: only when a model is to be loaded

        return Classifier(folder, device=device, weights=weights, progress=progress)

    return _CLASSIFIERS.get((name, device, weights), load)


def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes by names that can be relied on, in lower case.

    Raises:
        ModelUnsuitable: none of them is the benign one.
    """
    lower = tuple(name.lower() for name in names)
    if all(name == f"label_{index}" for index, name in enumerate(lower)) and len(lower) in _UNNAMED:
        return _UNNAMED[len(lower)]
    if len(lower) < 2 or sum(name in _BENIGN for name in lower) != 1:
        raise ModelUnsuitable(
            f"the classifier tells apart {', '.join(names)}: one of them must be called BENIGN or SAFE"
        )
    return lower


def _counted(labels: tuple[str, ...], source: Source) -> list[int]:
    """The classes that count against a text."""
    bad = [index for index, name in enumerate(labels) if name not in _BENIGN]
    if source == "user":
        bad = [index for index in bad if labels[index] != _INJECTION] or bad
    return bad
