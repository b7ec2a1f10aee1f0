"""Random tokens with repeated spans: the shortest way to attention heads that copy.

Nearly everything the model has to get right (a file's name, a column, a number from a tool) is copied from
further up. On conversations alone the heads that do this (induction heads, https://arxiv.org/abs/2209.11895)
appear late. Short contexts bring them forward; whether these sequences do has not been shown.
"""

from __future__ import annotations

from random import Random

import numpy as np

DIGITS = range(15, 25)
"""Ids of the characters 0 to 9: single-digit numbers are the spans that repeat within themselves most."""


def sequence(rng: Random, length: int, vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids and the mask of those that a repetition makes predictable."""
    ids: list[int] = []
    learn: list[bool] = []
    spans: list[list[int]] = []
    while len(ids) < length:
        if spans and rng.random() < 0.6:
            span = rng.choice(spans)
            learn += [False] + [True] * (len(span) - 1)
        else:
            span = _span(rng, vocabulary)
            spans.append(span)
            learn += [False] * len(span)
        ids += span
    return np.array(ids[:length], np.uint16), np.array(learn[:length], bool)


def _span(rng: Random, vocabulary: int) -> list[int]:
    if rng.random() < 0.2:
        return [rng.randrange(vocabulary), *(rng.choice(DIGITS) for _ in range(rng.randint(2, 8)))]
    return [rng.randrange(vocabulary) for _ in range(rng.randint(2, 8))]


def batch(rng: Random, length: int, tokens: int, vocabulary: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sequences of one length, about ``tokens`` tokens together."""
    return [sequence(rng, length, vocabulary) for _ in range(tokens // length)]
