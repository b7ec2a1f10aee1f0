"""Arithmetic, number puzzles, words and dates.

Each intent gives the slots and the line of Python that answers it.
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Callable
from random import Random

from . import words
from .csv_intents import quote

Made = tuple[dict[str, str], str]
Maker = Callable[[Random], Made]

_PRIME = "all(n % d for d in range(2, int(n ** 0.5) + 1))"


def _num(rng: Random) -> str:
    return words.number(rng)


def _int(rng: Random, digits: int = 4) -> str:
    return str(words.integer(rng, digits))


def _small(low: int, high: int) -> Callable[[Random], str]:
    return lambda rng: str(rng.randint(low, high))


def _binary(rng: Random) -> str:
    return f"{rng.randint(1, 1023):b}"


def _of(code: str, **samplers: Callable[[Random], str]) -> Maker:
    def make(rng: Random) -> Made:
        slots = {name: sampler(rng) for name, sampler in samplers.items()}
        return slots, code.format(**slots)

    return make


def _expression(rng: Random) -> Made:
    """A written expression, copied into code; people write x and : or ÷ as well."""
    parts = [_num(rng)]
    for _ in range(rng.randint(1, 4)):
        parts += [rng.choice(["+", "-", "*", "/", "+", "*"]), _num(rng)]
    if len(parts) >= 5 and rng.random() < 0.5:
        at = rng.randrange(0, len(parts) - 2, 2)
        parts[at], parts[at + 2] = "(" + parts[at], parts[at + 2] + ")"
    code = " ".join(parts)
    shown = code if rng.random() < 0.6 else code.replace(" ", "")
    if rng.random() < 0.15:
        shown = shown.replace("*", rng.choice(["x", "×"])).replace("/", "÷")
    return {"expr": shown}, f"print(round({code}, 6))"


def _list(rng: Random) -> tuple[str, str]:
    values = [words.number(rng, 3, 0.2 if rng.random() < 0.3 else 0) for _ in range(rng.randint(2, 8))]
    style = rng.random()
    if style < 0.35:
        shown = ", ".join(values)
    elif style < 0.7:
        shown = ", ".join(values[:-1]) + rng.choice([" and ", ", and "]) + values[-1]
    elif style < 0.9:
        shown = "[" + ", ".join(values) + "]"
    else:
        shown = " ".join(values)
    return shown, "[" + ", ".join(values) + "]"


def _over_list(code: str) -> Maker:
    def make(rng: Random) -> Made:
        shown, literal = _list(rng)
        return {"list": shown}, code.format(list=literal)

    return make


_STATISTICS = {"mean": "mean", "median": "median", "std": "stdev"}
_STAT = "import statistics\nprint(round(statistics.{name}({{list}}), 6))"

OVER_LIST = {
    "sum_list": "print(round(sum({list}), 6))",
    **{f"{name}_list": _STAT.format(name=call) for name, call in _STATISTICS.items()},
    "max_list": "print(max({list}))",
    "min_list": "print(min({list}))",
}
"""Code for a list of numbers, to be put in at ``{list}``."""

_FACTORS = """\
n, d, factors = {a}, 2, []
while n > 1:
    if n % d:
        d += 1
    else:
        factors.append(d)
        n //= d
print(factors)"""

MATH: dict[str, Maker] = {
    "expr": _expression,
    "add": _of("print(round({a} + {b}, 6))", a=_num, b=_num),
    "subtract": _of("print(round({a} - {b}, 6))", a=_num, b=_num),
    "multiply": _of("print(round({a} * {b}, 6))", a=_num, b=_num),
    "divide": _of("print(round({a} / {b}, 6))", a=_num, b=_small(1, 2000)),
    "power": _of("print({a} ** {b})", a=_small(2, 30), b=_small(2, 12)),
    "square": _of("print({a} ** 2)", a=_int),
    "sqrt": _of("print(round({a} ** 0.5, 6))", a=_num),
    "modulo": _of("print({a} % {b})", a=_int, b=_small(2, 300)),
    "percent_of": _of("print(round({b} * {a} / 100, 6))", a=lambda rng: words.number(rng, 2), b=_num),
    "percent_off": _of("print(round({a} * (1 - {b} / 100), 6))", a=_num, b=_small(1, 95)),
    "percent_up": _of("print(round({a} * (1 + {b} / 100), 6))", a=_num, b=_small(1, 95)),
    "percent_change": _of("print(round(({b} - {a}) / {a} * 100, 6))", a=_small(1, 9999), b=_num),
    "factorial": _of("import math\nprint(math.factorial({a}))", a=_small(0, 20)),
    "gcd": _of("import math\nprint(math.gcd({a}, {b}))", a=_int, b=_int),
    "lcm": _of("import math\nprint(math.lcm({a}, {b}))", a=_int, b=_int),
    "is_prime": _of(f"n = {{a}}\nprint(n > 1 and {_PRIME})", a=_int),
    "primes_below": _of(f"print([n for n in range(2, {{a}}) if {_PRIME}])", a=_small(5, 70)),
    "nth_prime": _of(
        f"print([n for n in range(2, 20 * {{a}} + 20) if {_PRIME}][{{a}} - 1])", a=_small(1, 60)
    ),
    "factorize": _of(_FACTORS, a=_small(2, 9999)),
    "divisors": _of("n = {a}\nprint([d for d in range(1, n + 1) if n % d == 0])", a=_small(2, 999)),
    "fibonacci": _of("a, b = 0, 1\nfor _ in range({a}):\n    a, b = b, a + b\nprint(a)", a=_small(1, 60)),
    "sum_to": _of("print(sum(range(1, {a} + 1)))", a=_int),
    **{name: _over_list(code) for name, code in OVER_LIST.items()},
    "sort_list": _over_list("print(sorted({list}))"),
    "product_list": _over_list("import math\nprint(round(math.prod({list}), 6))"),
    "count_list": _over_list("print(len({list}))"),
    "digit_sum": _of('print(sum(int(d) for d in "{a}"))', a=lambda rng: _int(rng, 9)),
    "to_binary": _of("print(bin({a})[2:])", a=_int),
    "to_hex": _of("print(hex({a})[2:])", a=_int),
    "from_binary": _of('print(int("{b}", 2))', b=_binary),
    "round_to": _of("print(round({a}, {k}))", a=lambda rng: f"{rng.uniform(0, 1000):.5f}", k=_small(0, 3)),
    "evens_to": _of("print(list(range(2, {a} + 1, 2)))", a=_small(4, 40)),
    "table": _of("print([{a} * i for i in range(1, 11)])", a=_small(2, 40)),
    "circle_area": _of("import math\nprint(round(math.pi * {a} ** 2, 6))", a=_num),
    "circle_circumference": _of("import math\nprint(round(2 * math.pi * {a}, 6))", a=_num),
    "rectangle_area": _of("print(round({a} * {b}, 6))", a=_num, b=_num),
    "triangle_area": _of("print(round({a} * {b} / 2, 6))", a=_num, b=_num),
    "hypotenuse": _of("import math\nprint(round(math.hypot({a}, {b}), 6))", a=_num, b=_num),
    "compound": _of(
        "print(round({a} * (1 + {b} / 100) ** {k}, 6))", a=_num, b=_small(1, 15), k=_small(1, 30)
    ),
    "km_to_miles": _of("print(round({a} * 0.621371, 6))", a=_num),
    "miles_to_km": _of("print(round({a} * 1.609344, 6))", a=_num),
    "c_to_f": _of("print(round({a} * 9 / 5 + 32, 6))", a=_num),
    "f_to_c": _of("print(round(({a} - 32) * 5 / 9, 6))", a=_num),
    "kg_to_pounds": _of("print(round({a} * 2.204623, 6))", a=_num),
    "pounds_to_kg": _of("print(round({a} * 0.453592, 6))", a=_num),
    "cm_to_inches": _of("print(round({a} / 2.54, 6))", a=_num),
    "minutes_to_hours": _of("print(round({a} / 60, 6))", a=_num),
    "unit_price": _of("print(round({a} * {b}, 6))", a=_small(2, 300), b=_num),
    "share": _of("print(round({a} / {b}, 6))", a=_num, b=_small(2, 60)),
    "change": _of("print(round({a} - {b}, 6))", a=_num, b=_num),
    "speed": _of(
        "print(round({a} / {b}, 6))",
        a=_num,
        b=lambda rng: rng.choice([str(rng.randint(1, 24)), "1.5", "2.5", "0.5"]),
    ),
    "distance": _of(
        "print(round({a} * {b}, 6))",
        a=_num,
        b=lambda rng: rng.choice([str(rng.randint(1, 24)), "1.5", "2.5"]),
    ),
    "dice": _of("import random\nprint(random.randint(1, 6))"),
    "coin": _of('import random\nprint(random.choice(["heads", "tails"]))'),
    "random_between": _of(
        "import random\nprint(random.randint({a}, {b}))", a=_small(0, 50), b=_small(51, 5000)
    ),
}

MORE_MATH: dict[str, Maker] = {
    "words_expr_a": _of("print({a} ** 2 + {b} ** 3)", a=_small(2, 99), b=_small(2, 30)),
    "words_expr_b": _of("print(round({a} ** 0.5 * {b}, 6))", a=_int, b=_small(2, 50)),
    "words_expr_c": _of("print(round(({a} + {b}) * {k}, 6))", a=_num, b=_num, k=_small(2, 50)),
    "words_expr_d": _of("print(round({a} * {b} - {k}, 6))", a=_num, b=_num, k=_small(1, 500)),
    "count_primes": _of(f"print(len([n for n in range(2, {{a}}) if {_PRIME}]))", a=_small(10, 5000)),
    "sum_squares": _of("print(sum(i ** 2 for i in range(1, {a} + 1)))", a=_small(3, 500)),
    "average_two": _of("print(round(({a} + {b}) / 2, 6))", a=_num, b=_num),
    "half": _of("print(round({a} / 2, 6))", a=_num),
    "double": _of("print(round({a} * 2, 6))", a=_num),
    "cube": _of("print({a} ** 3)", a=_int),
    "power_ten": _of("print(10 ** {a})", a=_small(2, 15)),
    "hours_to_minutes": _of("print(round({a} * 60, 6))", a=_num),
    "days_to_hours": _of("print(round({a} * 24, 6))", a=_num),
    "feet_to_meters": _of("print(round({a} * 0.3048, 6))", a=_num),
    "liters_to_gallons": _of("print(round({a} * 0.264172, 6))", a=_num),
    "bill_sum": _of("print(round({a} * {b} + {k}, 6))", a=_small(2, 60), b=_num, k=_num),
    "bill_two": _of(
        "print(round({a} * {b} + {c} * {d}, 6))", a=_small(2, 60), b=_num, c=_small(2, 60), d=_num
    ),
    "bill_change": _of("print(round({k} - {a} * {b}, 6))", a=_small(2, 12), b=_num, k=_small(10, 2000)),
    "left_over": _of("print(round({a} - {b} - {k}, 6))", a=_num, b=_num, k=_num),
    "tip": _of("print(round({a} * {b} / 100, 6))", a=_num, b=_small(5, 30)),
    "split_bill": _of(
        "print(round({a} * (1 + {b} / 100) / {k}, 6))", a=_num, b=_small(5, 30), k=_small(2, 12)
    ),
    "discount_total": _of(
        "print(round({a} * {b} * (1 - {k} / 100), 6))", a=_small(2, 60), b=_num, k=_small(3, 60)
    ),
}

_MONTHS = tuple(calendar.month_name)[1:]


def _word(rng: Random) -> str:
    return words.cased(rng, words.word(rng))


def _string(rng: Random) -> str:
    return _word(rng) if rng.random() < 0.6 else _sentence(rng)


def _sentence(rng: Random, low: int = 2) -> str:
    """Words in a row, now and then one of them again, with commas, as a sentence."""
    chosen = [words.word(rng) for _ in range(rng.choice([low, low + 1, low + 2, rng.randint(low, 10)]))]
    if len(chosen) > 2 and rng.random() < 0.3:
        chosen[rng.randrange(1, len(chosen))] = chosen[0]
    text = rng.choice([" ", " ", " ", ", "]).join(chosen)
    return text.capitalize() + rng.choice(["", ".", "!"]) if rng.random() < 0.12 else text


def _text(code: str, *needs: str) -> Maker:
    samplers: dict[str, Callable[[Random], str]] = {
        "s": _string,
        "w": _word,
        "w2": _word,
        "l": lambda rng: rng.choice("abcdefghijklmnopqrstuvwxyz"),
        "k": lambda rng: str(rng.randint(2, 5)),
    }

    def make(rng: Random) -> Made:
        values = {name: samplers[name](rng) for name in needs}
        if "s" in needs and "w" in needs:
            values["s"] = _sentence(rng, 3)
            values["w"] = rng.choice(re.findall(r"\w+", values["s"]))
        literals = {name: value if name == "k" else quote(value) for name, value in values.items()}
        shown = {n: _shown(rng, v) if n in {"s", "w", "w2"} else v for n, v in values.items()}
        if "l" in shown and rng.random() < 0.4:
            shown["l"] = rng.choice(["'{}'", '"{}"']).format(shown["l"])
        return shown, code.format(**literals)

    return make


def _shown(rng: Random, value: str) -> str:
    if " " in value or rng.random() < 0.5:
        return rng.choice(["'{}'", '"{}"', '"{}"']).format(value)
    return value


TEXT: dict[str, Maker] = {
    "reverse": _text("print({s}[::-1])", "s"),
    "upper": _text("print({s}.upper())", "s"),
    "lower": _text("print({s}.lower())", "s"),
    "title": _text("print({s}.title())", "s"),
    "length": _text("print(len({s}))", "s"),
    "count_letter": _text("print({s}.lower().count({l}))", "l", "s"),
    "count_vowels": _text('print(sum(c in "aeiou" for c in {s}.lower()))', "s"),
    "count_words": _text("print(len({s}.split()))", "s"),
    "is_palindrome": _text("s = {s}.lower()\nprint(s == s[::-1])", "s"),
    "sort_words": _text("print(sorted({s}.split()))", "s"),
    "replace": _text("print({s}.replace({w}, {w2}))", "w", "w2", "s"),
    "nth_letter": _text("print({s}[{k} - 1])", "k", "s"),
    "first_letter": _text("print({s}[0])", "s"),
    "last_letter": _text("print({s}[-1])", "s"),
    "repeat": _text("print({s} * {k})", "s", "k"),
    "remove_spaces": _text('print({s}.replace(" ", ""))', "s"),
    "join": _text("print({w} + {w2})", "w", "w2"),
    "unique_letters": _text("print(len(set({s})))", "s"),
    "is_anagram": _text("print(sorted({w}.lower()) == sorted({w2}.lower()))", "w", "w2"),
    "sort_letters": _text('print("".join(sorted({s})))', "s"),
    "contains": _text("print({w} in {s})", "w", "s"),
    "starts_with": _text("print({s}.startswith({l}))", "s", "l"),
}


def _word_list(rng: Random) -> Made:
    chosen = [words.word(rng) for _ in range(rng.randint(3, 6))]
    shown = ", ".join(chosen) if rng.random() < 0.6 else ", ".join(chosen[:-1]) + " and " + chosen[-1]
    return {"words": shown}, f"print(sorted([{', '.join(quote(w) for w in chosen)}]))"


MORE_TEXT: dict[str, Maker] = {
    "sort_words_list": _word_list,
    "reverse_words": _text('print(" ".join({s}.split()[::-1]))', "s"),
    "longest_word": _text("print(max({s}.split(), key=len))", "s"),
    "count_letters": _text('print(len({s}.replace(" ", "")))', "s"),
    "swapcase": _text("print({s}.swapcase())", "s"),
    "acronym": _text('print("".join(w[0].upper() for w in {s}.split()))', "s"),
}


def say_date(rng: Random, day: datetime.date) -> str:
    """A date as people write it."""
    month, short = _MONTHS[day.month - 1], _MONTHS[day.month - 1][:3]
    ordinal = f"{day.day}{'th' if 10 < day.day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day.day % 10, 'th')}"
    return rng.choice(
        [
            f"{month} {day.day}, {day.year}",
            f"{day.day} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            day.isoformat(),
            day.isoformat(),
            f"{short} {day.day} {day.year}",
            f"{day.day} {short} {day.year}",
            f"{month} {ordinal}, {day.year}",
            f"the {ordinal} of {month} {day.year}",
            f"{month} {day.day} {day.year}",
        ]
    )


def _day(rng: Random) -> datetime.date:
    return datetime.date(rng.randint(1900, 2060), rng.randint(1, 12), rng.randint(1, 28))


def literal(day: datetime.date) -> str:
    """The Python expression of a date."""
    return f"datetime.date({day.year}, {day.month}, {day.day})"


_IMPORT = "import datetime\n"


def _date(code: str, *needs: str) -> Callable[[Random, datetime.date], Made]:
    def make(rng: Random, today: datetime.date) -> Made:
        shown: dict[str, str] = {}
        values: dict[str, str] = {}
        for need in needs:
            if need in {"d", "d2"}:
                day = _named(rng, today, shown, need) or _day(rng)
                shown.setdefault(need, say_date(rng, day))
                values[need] = literal(day)
            else:
                values[need] = shown[need] = str(
                    rng.randint(1, 400) if need == "k" else rng.randint(1900, 2050)
                )
        return shown, _IMPORT + code.format(**values)

    return make


_HOLIDAYS = {
    "Christmas": (12, 25),
    "Christmas Day": (12, 25),
    "Halloween": (10, 31),
    "Valentine's Day": (2, 14),
    "New Year's Eve": (12, 31),
    "Christmas Eve": (12, 24),
}


def _named(rng: Random, today: datetime.date, shown: dict[str, str], need: str) -> datetime.date | None:
    """Now and then a date without its year: this year's."""
    roll = rng.random()
    if roll > 0.12:
        return None
    if roll < 0.06:
        name, (month, day) = rng.choice(list(_HOLIDAYS.items()))
        shown[need] = name
        return datetime.date(today.year, month, day)
    value = datetime.date(today.year, rng.randint(1, 12), rng.randint(1, 28))
    month_name = _MONTHS[value.month - 1]
    shown[need] = rng.choice([f"{month_name} {value.day}", f"{value.day} {month_name}"])
    return value


def _days_in_month(rng: Random, _today: datetime.date) -> Made:
    day = _day(rng)
    return {
        "m": f"{_MONTHS[day.month - 1]} {day.year}"
    }, f"import calendar\nprint(calendar.monthrange({day.year}, {day.month})[1])"


DATES: dict[str, Callable[[Random, datetime.date], Made]] = {
    "weekday": _date('print({d}.strftime("%A"))', "d"),
    "days_between": _date("print(abs(({d2} - {d}).days))", "d", "d2"),
    "add_days": _date("print({d} + datetime.timedelta(days={k}))", "d", "k"),
    "subtract_days": _date("print({d} - datetime.timedelta(days={k}))", "d", "k"),
    "add_weeks": _date("print({d} + datetime.timedelta(weeks={k}))", "d", "k"),
    "today": _date("print(datetime.date.today())"),
    "weekday_today": _date('print(datetime.date.today().strftime("%A"))'),
    "year_now": _date("print(datetime.date.today().year)"),
    "days_until": _date("print(({d} - datetime.date.today()).days)", "d"),
    "days_since": _date("print((datetime.date.today() - {d}).days)", "d"),
    "is_leap": lambda rng, _today: (lambda y: ({"y": y}, f"import calendar\nprint(calendar.isleap({y}))"))(
        str(rng.randint(1800, 2100))
    ),
    "days_in_month": _days_in_month,
    "age": _date("print(datetime.date.today().year - {y})", "y"),
    "date_in": _date("print(datetime.date.today() + datetime.timedelta(days={k}))", "k"),
}

MORE_DATES: dict[str, Callable[[Random, datetime.date], Made]] = {
    "day_of_year": _date("print({d}.timetuple().tm_yday)", "d"),
    "weeks_between": _date("print(round(abs(({d2} - {d}).days) / 7, 4))", "d", "d2"),
    "month_name": _date('print({d}.strftime("%B"))', "d"),
}
