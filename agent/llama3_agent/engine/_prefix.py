"""How much of a prompt a cache already holds, decided on the token ids themselves."""

from collections.abc import Sequence
from itertools import compress, count


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common prefix of two sequences of the same type."""
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return next(compress(count(), map(int.__ne__, a, b)))


def reusable(cached: Sequence[int], prompt: Sequence[int]) -> int:
    """How many cached tokens serve `prompt`; never all of it, since the last one's logits are needed."""
    return min(common_prefix(cached, prompt), len(prompt) - 1)
