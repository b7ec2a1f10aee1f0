"""Text from inside, whole and in pieces."""

from __future__ import annotations

import pytest

from llama3_tools.sandbox._text import Cleaner, clean, one_line

TEXTS = [
    "plain\ttext\n",
    "\x1b[31mred\x1b[0m",
    "a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c",
    "one\r\ntwo\rthree",
    "\x1bPq#0\x1b\\sixel",
    "\x1b(B\x1b7\x1bc",
    "\u202eabc\u2066\u200f\ufeff",
    "a\ud800b",
    "\x00\x07\x08\x7f\x9b31m",
]


@pytest.mark.parametrize("text", TEXTS)
def test_pieces_come_to_the_same_as_the_whole(text: str) -> None:
    for cut in range(len(text) + 1):
        cleaner = Cleaner()
        assert cleaner.feed(text[:cut]) + cleaner.feed(text[cut:]) + cleaner.finish() == clean(text)


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_acts_on_a_terminal_and_all_can_be_encoded(text: str) -> None:
    shown = clean(text)
    assert all(char in "\n\t" or char.isprintable() for char in shown)
    assert shown.encode().decode() == shown
    assert "\n" not in one_line(text, 100)
