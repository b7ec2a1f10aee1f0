"""The checks of these tests can fail."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from .checks import says, shows_a_plot


@pytest.mark.parametrize(
    ("answer", "number", "right"),
    [
        ("The average price is 1234.5679.", 1234.56789, True),
        ("It is 1,234.57", 1234.56789, True),
        ("It is 1234.58", 1234.56789, False),
        ("It is 1235", 1234.56789, False),
        ("There are 12 rows.", 12, True),
        ("There are 112 rows.", 12, False),
        ("It fell to -3.5.", -3.5, True),
        ("It fell to 3.5.", -3.5, False),
        ("No number.", 0, False),
    ],
)
def test_says(answer: str, number: float, right: bool) -> None:
    assert says(answer, number) is right


def _png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, format="PNG")
    return data.getvalue()


def test_shows_a_plot() -> None:
    picture = Image.new("RGB", (640, 480), "white")
    assert not shows_a_plot(_png(picture))
    ImageDraw.Draw(picture).rectangle((80, 60, 560, 420), outline="black", width=2)
    assert not shows_a_plot(_png(picture))
    ImageDraw.Draw(picture).line((100, 400, 500, 100), fill="blue", width=3)
    assert shows_a_plot(_png(picture))
    assert not shows_a_plot(_png(picture.resize((64, 48))))
