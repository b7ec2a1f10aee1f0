"""From offsets in a text to line numbers, without counting from the start each time."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable


def line_finder(text: str) -> Callable[[int], int]:
    """A function from an offset in `text` to its line, counted from 1."""
    ends = [match.start() for match in re.finditer("\n", text)]
    return lambda offset: bisect_left(ends, offset) + 1
