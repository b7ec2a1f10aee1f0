"""Spans of random tokens that come again: the shortest way to attention heads that copy exactly.

Nearly everything the model has to get right (a file's name, a column, a number from a tool) is copied from
further up, and a name is only right when all of its tokens are. Conversations hold few places where copying
is hard: where the same tokens come again within a name (``2024-02-24``, ``Mississippi``), where several names
begin alike, and where it must stop. Here every place is of that sort: spans over a small alphabet, between
marks that change from one time to the next. See induction heads, https://arxiv.org/abs/2209.11895.
"""

from __future__ import annotations

from random import Random

import numpy as np

DIGITS = range(15, 25)
"""Ids of the characters 0 to 9."""
_LENGTHS = (64, 128, 256, 512, 1024)
_ALPHABETS = (3, 6, 12, 50, 400)
_MARKS = (1, 1, 2, 3)


def sequence(rng: Random, length: int, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and the mask of those that what came before makes certain."""
    pairs = rng.choice(_MARKS)
    chosen = rng.sample(range(vocabulary), rng.choice(_ALPHABETS) + 2 * pairs)
    marks = [(chosen.pop(), chosen.pop()) for _ in range(pairs)]
    alphabet = [*chosen, *DIGITS] if rng.random() < 0.3 else chosen
    longest = rng.choice([3, 6, 12, 24])
    ids: list[int] = []
    learn: list[bool] = []
    spans: list[list[int]] = []
    met: set[int] = set()
    while len(ids) < length:
        start, end = rng.choice(marks)
        if spans and rng.random() < 0.65:
            span = rng.choice(spans)
            certain = _certain(span, spans)
            learn += [False, *certain[:-1], certain[-1] and end in met]
        else:
            span = [rng.choice(alphabet) for _ in range(rng.randint(1, longest))]
            spans.append(span)
            learn += [False] * (len(span) + 2)
        ids += [start, *span, end]
        met.add(end)
    return np.array(ids[:length], np.uint16), np.array(learn[:length], bool)


def _certain(span: list[int], spans: list[list[int]]) -> list[bool]:
    """Which tokens of the span, and whether its end, follow from those before them in it."""
    certain = []
    rivals: list[list[int | None]] = [[*other, None] for other in spans]
    for at, token in enumerate([*span, None]):
        certain.append(len({other[at] for other in rivals}) == 1)
        rivals = [other for other in rivals if other[at] == token]
    return certain


def batch(rng: Random, tokens: int, vocabulary: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sequences of one length, about ``tokens`` tokens together."""
    length = rng.choice(_LENGTHS)
    return [sequence(rng, length, vocabulary) for _ in range(tokens // length)]
