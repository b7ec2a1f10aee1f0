"""What an answer says, and what a picture shows."""

from __future__ import annotations

import io
import math
import re

from PIL import Image, ImageChops

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)


def says(answer: str, number: float) -> bool:
    """Whether the answer holds the number, exactly or rounded to two decimals or more."""
    found = [match.group().rstrip(",").replace(",", "") for match in _NUMBER.finditer(answer)]
    return any(_same(text, number) for text in found)


def _same(text: str, number: float) -> bool:
    if math.isclose(float(text), number, rel_tol=1e-9):
        return True
    decimals = len(text.partition(".")[2])
    return decimals >= 2 and abs(float(text) - number) <= 0.5000001 * 10**-decimals


def shows_a_plot(png: bytes) -> bool:
    """Whether the picture can be decoded and has ink in it, and colour: axes alone are black on white."""
    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    if min(picture.size) < 200:
        return False
    red, green, blue = picture.split()
    spread = ImageChops.add(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    coloured = sum(spread.histogram()[40:])
    dark = sum(picture.convert("L").histogram()[:128])
    return coloured > 50 and dark > 200
