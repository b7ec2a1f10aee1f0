"""What untrusted text may do to a terminal: nothing."""

from __future__ import annotations

import pytest

from llama3_agent._text import one_line, printable, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 中 🦙\n\tindented", "plain é 中 🦙\n\tindented"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]52;c;ZXZpbA==\x1b\\rest", "rest"),
        ("\x1bPq#0\x1b\\rest", "rest"),
        ("\x1bcreset", "reset"),
        ("a\rb", "a\\x0db"),
        ("a\r\nb", "a\nb"),
        ("\x9b31mred", "\\x9b31mred"),
        ("x = '\u202e'", "x = '\\u202e'"),
        ("\x1b", ""),
        ("back\x08space", "back\\x08space"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line() -> None:
    assert one_line("a\n  b\tc\x1b[1m ") == "a b c"


def test_shorten_leaves_short_text_alone() -> None:
    assert shorten("x" * 10, 10) == "x" * 10
    assert shorten("a" * 60 + "b" * 60, 30) == f"{'a' * 20}\n[... 90 characters left out ...]\n{'b' * 10}"
