"""Sums told in words: stories with slots, how their numbers are drawn, and how people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

from . import words
from .phrases import bank, bend

_SLOT = re.compile(r"\{(\w+)\}")
_UNIT = re.compile(r"(\{\w+\}) (km/h|km|kg|g|mg|cm|mm|m|ml|l|W|kW|kWh|mph|GB|MB|°C|°F)(?![\w²³°/])")
_CURRENCIES = (
    "{}",
    "{}",
    "{}",
    "${}",
    "${}",
    "€{}",
    "{}€",
    "{} €",
    "£{}",
    "{} euros",
    "{} euros",
    "{} dollars",
    "{} dollars",
    "{} pounds",
    "{} francs",
    "{} EUR",
    "{} USD",
)
_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_FRACTIONS = {
    "1/2": "half",
    "1/3": "a third",
    "2/3": "two thirds",
    "1/4": "a quarter",
    "3/4": "three quarters",
    "1/5": "a fifth",
    "2/5": "two fifths",
    "3/5": "three fifths",
    "4/5": "four fifths",
    "1/6": "a sixth",
    "5/6": "five sixths",
    "3/8": "three eighths",
    "5/8": "five eighths",
    "7/10": "seven tenths",
}
_NOT_BEFORE_A = {
    *("the", "my", "our", "your", "his", "her", "their", "these", "those", "all", "every", "each", "other"),
    *("another", "of", "only", "first"),
}
"""After these words nobody says "a dozen"."""


def spelt(number: int) -> str:
    """A whole number below a thousand in words."""
    if number < 20:
        return _UNITS[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_UNITS[rest]}" if rest else "")
    hundreds, rest = divmod(number, 100)
    return f"{_UNITS[hundreds]} hundred" + (f" and {spelt(rest)}" if rest else "")


def _int(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    return str(rng.randint(int(args[0]), int(args[1])))


def _step(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    low, high, step = (int(arg) for arg in args)
    return str(rng.randrange(low, high + 1, step))


def _dec(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    """Now and then without its decimals."""
    low, high, digits = float(args[0]), float(args[1]), int(args[2])
    if rng.random() < 0.25 and high - low > 3:
        return str(rng.randint(int(low) + 1, int(high)))
    return f"{rng.uniform(low, high):.{digits}f}"


def _money(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    """Whole, with cents, or just below a whole."""
    low, high = int(args[0]), int(args[1])
    whole, roll = rng.randint(low, high), rng.random()
    if roll < 0.5:
        return str(whole)
    cents = rng.choice([50, 50, 20, 80, 99, 95, 25, 75, 90, rng.randint(1, 99)])
    return f"{whole}.{cents:02d}"


def _below(rng: Random, args: list[str], made: dict[str, str]) -> str:
    """Less than another slot, as finely written as that."""
    limit = made[args[0]]
    digits = len(limit.partition(".")[2])
    return (
        f"{rng.uniform(float(limit) * 0.05, float(limit) * 0.95):.{digits}f}"
        if digits
        else str(rng.randint(1, max(1, int(limit) - 1)))
    )


def _above(rng: Random, args: list[str], made: dict[str, str]) -> str:
    """More than another slot, up to three times as much."""
    limit = made[args[0]]
    digits = len(limit.partition(".")[2])
    if digits:
        return f"{float(limit) * rng.uniform(1.05, 3):.{digits}f}"
    return str(rng.randint(int(limit) + 1, int(limit) * 3 + 2))


def _percent(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    low, high = (int(args[0]), int(args[1])) if args else (2, 90)
    roll = rng.random()
    if roll < 0.4 and high - low > 10:
        return str(rng.randrange(-(-low // 5) * 5, high + 1, 5))
    return (
        str(rng.randint(low, high)) if roll < 0.85 else f"{rng.randint(low, high - 1)}.{rng.choice('2555')}"
    )


def _big(rng: Random, _args: list[str], _made: dict[str, str]) -> str:
    """A large round number."""
    scale = rng.choice([1000, 1000, 10_000, 100_000, 1_000_000])
    return str(rng.randint(2, 99) * scale // rng.choice([1, 1, 2]))


def _fraction(rng: Random, _args: list[str], _made: dict[str, str]) -> str:
    return rng.choice(list(_FRACTIONS))


def _list(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    few, many, low, high = (int(arg) for arg in args[:4])
    return str([rng.randint(low, high) for _ in range(rng.randint(few, many))])


def _pick(rng: Random, args: list[str], _made: dict[str, str]) -> str:
    return rng.choice(args[0].split("|"))


_KINDS: dict[str, Callable[[Random, list[str], dict[str, str]], str]] = {
    "int": _int,
    "year": _int,
    "minute": lambda rng, _args, _made: str(
        rng.choice([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 12, 48, 37])
    ),
    "step": _step,
    "dec": _dec,
    "money": _money,
    "below": _below,
    "above": _above,
    "pct": _percent,
    "big": _big,
    "frac": _fraction,
    "list": _list,
    "pick": _pick,
}
"""Samplers by the first word of a kind: ``int:2:40``, ``dec:1:9:2``, ``below:a``, ``list:3:6:1:20``.
A ``$`` before a kind makes it an amount of money."""


def draw(rng: Random, kinds: dict[str, str]) -> dict[str, str]:
    """The numbers of a story as code has them; later ones may depend on earlier ones."""
    made: dict[str, str] = {}
    for slot, kind in kinds.items():
        name, *args = kind.removeprefix("$").split(":")
        made[slot] = _KINDS[name](rng, args, made)
    return made


def _round_words(rng: Random, value: int) -> str:
    """A round large number in short: 3k, 3 thousand, half a million, 1.2 million."""
    if value == 500_000:
        return rng.choice(["half a million", "500k", "500 thousand"])
    if value >= 1_000_000 and value % 100_000 == 0:
        short = f"{value / 1_000_000:g}"
        return rng.choice([f"{short} million", f"{short} million", f"{short}M"])
    thousands = value // 1000
    if thousands >= 1000:
        return f"{value:,}"
    forms = [f"{thousands}k", f"{thousands}k", f"{thousands} thousand"]
    return rng.choice([*forms, f"{spelt(thousands)} thousand"] if thousands < 100 else forms)


def written(rng: Random, number: str, before: str, after: str) -> str:
    """A number as people write it between two pieces of text: digits, words, separators, suffixes."""
    if number.startswith("-"):
        return f"minus {number[1:]}" if before.endswith(" ") and rng.random() < 0.3 else number
    if not number.isdigit():
        return number
    value = int(number)
    prose = bool(re.search(r"(^|[ ($€£])$", before)) and bool(re.match(r"$| |[,.?!;)]( |$)", after))
    if value >= 2000 and value % 1000 == 0 and prose and rng.random() < 0.4:
        short = _round_words(rng, value)
        return short if before.endswith(" ") or short[0].isdigit() else number
    if value >= 1000:
        return f"{value:,}" if rng.random() < 0.35 else number
    words_before = before.lower().split()
    if not prose or value > 100 or before.endswith(("$", "€", "£")) or rng.random() > 0.16:
        return number
    dozens = {12: "a dozen", 24: "two dozen", 6: "half a dozen"}
    counts = re.match(r" [a-z]{3}", after) and not (words_before and words_before[-1] in _NOT_BEFORE_A)
    if value in dozens and counts and rng.random() < 0.6:
        return dozens[value]
    return spelt(value)


def _enumerated(rng: Random, literal: str) -> str:
    """A list as people write it."""
    values = literal.strip("[]").split(", ")
    roll = rng.random()
    if roll < 0.4:
        return ", ".join(values)
    return ", ".join(values[:-1]) + " and " + values[-1] if roll < 0.9 else " ".join(values)


def _shown(rng: Random, kind: str, literal: str, around: tuple[str, str], currency: str) -> str:
    before, after = around
    name = kind.removeprefix("$").split(":")[0]
    if name == "year":
        return literal
    if name == "minute":
        return literal.zfill(2)
    if name == "list":
        return _enumerated(rng, literal)
    if name == "frac":
        return _FRACTIONS[literal] if rng.random() < 0.5 else literal
    if not kind.startswith("$"):
        return written(rng, literal, before, after)
    left, right = currency.split("{}")
    return left + written(rng, literal, before + left, right + after) + right


def _vary(rng: Random, template: str) -> str:
    """Units close to their numbers, and the names of the percent sign."""
    if rng.random() < 0.25:
        template = _UNIT.sub(r"\1\2", template)
    if rng.random() < 0.3:
        template = re.sub(
            r"(\{\w+\})%", rf"\1{rng.choice([' %', ' percent', ' percent', ' per cent'])}", template
        )
    return template


def _fillers(rng: Random) -> dict[str, str]:
    """Names and things that have nothing to do with the sum."""
    who, who2 = rng.sample(words.known("people"), 2)
    item, items = rng.choice(bank("stories")["items"])
    return {"who": who, "who2": who2, "item": item, "items": items, "place": words.proper(rng)}


def code_of(story: dict[str, Any], numbers: dict[str, str]) -> str:
    """The lines of Python that answer a story."""
    text = "\n".join(part for part in (story.get("setup"), story["code"]) if part)
    lines = [f"import {module}" for module in ("math", "statistics") if f"{module}." in text]
    if "setup" in story:
        lines.append(story["setup"])
    lines.append(f"print({story['code']})" if story.get("whole") else f"print(round({story['code']}, 6))")
    return _SLOT.sub(lambda match: numbers.get(match[1], match[0]), "\n".join(lines))


def tell(rng: Random, story: dict[str, Any]) -> tuple[str, str]:
    """A question of one story, and the code that answers it."""
    numbers = draw(rng, story["kinds"])
    currency = rng.choice(_CURRENCIES)
    template = _vary(rng, bend(rng, rng.choice(story["questions"])))
    fillers = _fillers(rng)

    def show(match: re.Match[str]) -> str:
        slot = match[1]
        if slot not in numbers:
            return fillers[slot]
        around = template[: match.start()], template[match.end() :]
        return _shown(rng, story["kinds"][slot], numbers[slot], around, currency)

    return _SLOT.sub(show, template), code_of(story, numbers)


def story(rng: Random) -> tuple[str, str]:
    """Any story's question and code."""
    return tell(rng, rng.choice(bank("stories")["story"]))
