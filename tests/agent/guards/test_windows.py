"""No token is unseen, and what fits into the overlap is never seen only in pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama3_agent.guards._windows import windows

SIZE, OVERLAP = 510, 128


def test_an_injection_at_every_offset_of_2000_tokens_lies_inside_a_window() -> None:
    cut = windows(2000, SIZE, OVERLAP)
    for length in (1, 20, OVERLAP):
        for start in range(2000 - length + 1):
            assert any(one.start <= start and start + length <= one.stop for one in cut), start


@given(length=st.integers(0, 5000), size=st.integers(1, 600), data=st.data())
def test_every_length_is_covered_by_full_windows(length: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    cut = windows(length, size, overlap)
    assert set().union(*cut) == set(range(length))
    assert all(len(one) == min(size, length) for one in cut)
    assert all(one.stop - two.start >= overlap for one, two in pairwise(cut))
    assert len(cut) <= 1 + max(0, -(-(length - size) // (size - overlap)))


@pytest.mark.parametrize("overlap", [-1, 10, 11])
def test_an_overlap_that_leaves_no_step_is_refused(overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        windows(100, 10, overlap)
