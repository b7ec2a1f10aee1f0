"""Words, names and numbers that conversations are filled with.

Part of all names are made of random letters, so that the model cannot memorise them and has to copy.
"""

from __future__ import annotations

import functools
import re
import string
import tomllib
from collections import Counter
from pathlib import Path
from random import Random

_CONSONANTS = "bcdfghjklmnpqrstvwxyz"
_VOWELS = "aeiou"
DATA = Path(__file__).parent.parent / "data"


@functools.cache
def known(name: str) -> list[str]:
    """A list of ``data/words.toml``."""
    text = tomllib.loads((DATA / "words.toml").read_text(encoding="utf-8"))[name]
    return [entry.strip() for entry in text.split(";")] if ";" in text else text.split()


@functools.cache
def english() -> tuple[str, ...]:
    """Common lower-case English words, read from the interpreter's own help texts and from the phrasings."""
    from pydoc_data.topics import topics

    counts = Counter(re.findall(r"\b[a-z]{2,11}\b", " ".join(topics.values())))
    return tuple(sorted({*(word for word, count in counts.items() if count > 1), *_everyday()}))


def _everyday() -> set[str]:
    """Words that the phrasings use, without those of their slots and keys."""
    strings = (
        text
        for path in DATA.glob("*.toml")
        for text in re.findall(r'^\s+"(.*)",?$', path.read_text(encoding="utf-8"), re.MULTILINE)
    )
    return {word for text in strings for word in re.findall(r"(?<![\w{'’.])[a-z]{3,11}(?![\w}'’:.])", text)}


def syllables(rng: Random) -> str:
    """A pronounceable word that is in no dictionary."""
    parts = [rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(1, 4))]
    return "".join(parts) + (rng.choice(_CONSONANTS) if rng.random() < 0.5 else "")


def accented(rng: Random) -> str:
    """A pronounceable word with a letter or two that English does not have."""
    text = syllables(rng)
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice("äöüßéèêáàâíóúôåøæœñçšžčřłąęıő") + text[at + 1 :]
    return text


def letters(rng: Random) -> str:
    """Random letters, one to eight of them."""
    return "".join(rng.choice(string.ascii_lowercase) for _ in range(rng.randint(1, 8)))


def word(rng: Random) -> str:
    """A real word, a pronounceable one or random letters."""
    roll = rng.random()
    if roll < 0.65:
        return rng.choice(english())
    if roll < 0.7:
        return accented(rng)
    return syllables(rng) if roll < 0.88 else letters(rng)


def cased(rng: Random, text: str) -> str:
    """The text as it is, capitalised or in capitals."""
    roll = rng.random()
    if roll < 0.6:
        return text
    return text.capitalize() if roll < 0.92 else text.upper()


def proper(rng: Random) -> str:
    """A name: a city, a person or a capitalised random word."""
    roll = rng.random()
    if roll < 0.25:
        return rng.choice(known("cities"))
    return rng.choice(known("people")) if roll < 0.45 else word(rng).capitalize()


def phrase(rng: Random, low: int = 2, high: int = 4) -> str:
    """Several words."""
    return " ".join(word(rng) for _ in range(rng.randint(low, high)))


def column(rng: Random, known: list[str]) -> str:
    """A column name: usual, compound or unheard of, in one of the styles that people use."""
    roll = rng.random()
    base = rng.choice(known) if roll < 0.55 else word(rng)
    if rng.random() < 0.25:
        base = f"{base}_{rng.choice(known) if rng.random() < 0.5 else word(rng)}"
    style = rng.random()
    if style < 0.5:
        return base
    if style < 0.6:
        first, *others = [*re.split("[_ ]", base), *([] if "_" in base else [word(rng)])]
        return first + "".join(part.capitalize() for part in others)
    if style < 0.72:
        return base.capitalize()
    if style < 0.82:
        return base.replace("_", " ").title()
    if style < 0.88:
        return base.replace("_", " ")
    if style < 0.92:
        return base.upper()
    if style < 0.95:
        return base + str(rng.randint(1, 9))
    unit = rng.choice(["kg", "cm", "m", "USD", "EUR", "km", "C", "%", "g", "h"])
    return f"{base} ({unit})" if rng.random() < 0.5 else f"{base}_{unit.lower().replace('%', 'pct')}"


def file_name(rng: Random) -> str:
    """A CSV file name, usual or unheard of."""
    stem = rng.choice(known("file_stems")) if rng.random() < 0.45 else word(rng)
    if rng.random() < 0.3:
        joint = rng.choice(["_", "_", "-", " "])
        stem += joint + (str(rng.randint(1, 2030)) if rng.random() < 0.5 else word(rng))
    return cased(rng, stem) + ".csv" if rng.random() < 0.3 else stem + ".csv"


def integer(rng: Random, digits: int = 5) -> int:
    """A non-negative integer whose number of digits is uniform."""
    n = rng.randint(1, digits)
    return rng.randint(0 if n == 1 else 10 ** (n - 1), 10**n - 1)


def number(rng: Random, digits: int = 4, decimals: float = 0.3) -> str:
    """A number as people write it, now and then with decimals."""
    value = str(integer(rng, digits))
    if rng.random() < decimals:
        value += (
            f".{rng.randint(1, 99):02d}".rstrip("0") if rng.random() < 0.7 else f".{rng.randint(1, 999):03d}"
        )
    return value.rstrip(".")
