"""Cutting a long text into windows that overlap."""

from __future__ import annotations


def windows(length: int, size: int, overlap: int) -> list[range]:
    """Places of the windows over ``length`` tokens.

    Every token is in one, and so is, as a whole, every stretch of up to ``overlap`` tokens. All windows but
    that of a shorter text are full: the last one begins earlier instead of being short.

    Args:
        length: Tokens of the text.
        size: Tokens of a window.
        overlap: Tokens that neighbours share, fewer than ``size``.

    Raises:
        ValueError: the overlap leaves no step to take.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"an overlap is at least 0 and less than the window of {size}, not {overlap}")
    if length <= size:
        return [range(length)] if length else []
    starts = [*range(0, length - size, size - overlap), length - size]
    return [range(start, start + size) for start in starts]
