"""Turns about numbers, words and dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from . import stories, words
from .answers import failure
from .conversation import Conversation
from .math_intents import DATES, MATH, MORE_DATES, MORE_MATH, MORE_TEXT, OVER_LIST, TEXT, Maker
from .phrases import bank, bend, fill, say

_WEIGHTS = {
    "expr": 8,
    **dict.fromkeys(("multiply", "divide", "percent_of", "unit_price", "mean_list"), 5),
    **dict.fromkeys(("add", "subtract", "power", "sqrt", "sum_list", "median_list", "std_list"), 3),
    **dict.fromkeys(("max_list", "min_list", "lcm", "gcd", "factorial", "is_prime", "c_to_f"), 2),
    **dict.fromkeys(("length", "upper", "reverse", "count_letter", "count_words", "replace"), 4),
    **dict.fromkeys(("weekday", "days_between", "add_days", "subtract_days", "days_in_month"), 4),
}
"""How much more often than others these are asked for."""


def _result_sentence(intent: str, slots: dict[str, str], out: str) -> str:
    if intent == "is_prime":
        return (
            f"Yes, {slots['a']} is a prime number."
            if out == "True"
            else f"No, {slots['a']} is not a prime number."
        )
    return {"True": "Yes.", "False": "No."}.get(out, f"The answer is {out}.")


def _compute(talk: Conversation, text: str, code: str, sentence: Callable[[str], str]) -> None:
    talk.user(text)
    ran = talk.code(code)
    talk.answer(failure(ran.error) if ran.error else sentence(ran.stdout))
    talk.last_number = ran.stdout if re.fullmatch(r"-?\d+(\.\d+)?", ran.stdout) else ""


def _number_words(rng: Random, slots: dict[str, str]) -> dict[str, str]:
    """Now and then a number with thousands separators."""
    return {
        k: f"{int(v):,}" if k in {"a", "b"} and v.isdigit() and int(v) > 999 and rng.random() < 0.35 else v
        for k, v in slots.items()
    }


def _plain(talk: Conversation, makers: dict[str, Maker]) -> None:
    """A question of the second bank."""
    intent = talk.rng.choice(list(makers))
    slots, code = makers[intent](talk.rng)
    _compute(talk, _ask(talk.rng, "more", intent, slots), code, lambda out: f"The answer is {out}.")


_NOUN = re.compile(r"(word|words|text|sentence|string|phrase|title) \{s\}")
_TEXT_NOUNS = (
    "the sentence ",
    "the text ",
    "the phrase ",
    "the string ",
    "the title ",
    "the line ",
    "this sentence: ",
    "the words ",
    "the name ",
    "the expression ",
)


def _ask(rng: Random, name: str, intent: str, slots: dict[str, str]) -> str:
    """A question about a text, which stands without quotes now and then where it comes last."""
    template = bend(rng, rng.choice(bank(name)[intent]))
    if template.endswith((": {s}", ", {s}")) and rng.random() < 0.6:
        slots = slots | {"s": slots["s"].strip("'\"")}
    elif slots.get("s", "").startswith(("'", '"')) and not _NOUN.search(template):
        noun = rng.choice(_TEXT_NOUNS) if rng.random() < 0.15 else ""
        slots = slots | {"s": f"{noun}{slots['s']}"}
    return fill(template, slots | {thing: words.word(rng) for thing in ("thing", "other")})


def math_turn(talk: Conversation) -> None:
    """A calculation, perhaps with one or two that lean on it."""
    rng = talk.rng
    roll = rng.random()
    if roll < 0.33:
        text, code = stories.story(rng)
        return _compute(talk, text, code, lambda out: _result_sentence("", {}, out))
    if roll < 0.46:
        return _plain(talk, MORE_MATH)
    names = [name for name in MATH if name in bank("math")]
    intent = rng.choices(names, [_WEIGHTS.get(name, 1) for name in names])[0]
    slots, code = MATH[intent](rng)
    if rng.random() < 0.08 and intent == "divide":
        code = code.replace(f"/ {slots['b']}", "/ 0")
        slots["b"] = "0"
    text = say(rng, "math", intent, _number_words(rng, slots))
    if rng.random() < 0.07:
        second = rng.choice(names)
        more, line = MATH[second](rng)
        if "import" not in line + code and "\n" not in line + code:
            joined = (
                text.rstrip("?.!")
                + rng.choice([", and ", " and ", ". Also ", "? And ", "; "])
                + say(rng, "math", second, more)
            )
            talk.user(joined)
            ran = talk.code(f"{code}\n{line}")
            if ran.error:
                talk.answer(failure(ran.error))
            else:
                talk.answer(" ".join(_result_sentence("", {}, out) for out in ran.stdout.split("\n")))
            return None
    _compute(talk, text, code, lambda out: _result_sentence(intent, slots, out))
    if "list" in slots and rng.random() < 0.5:
        _list_follow_up(talk, intent, slots["list"])
    if set(slots) == {"a"} and rng.random() < 0.25:
        again = dict(slots)
        fresh, code = MATH[intent](rng)
        again |= fresh
        _compute(
            talk, say(rng, "math", "fu_other", fresh), code, lambda out: _result_sentence(intent, fresh, out)
        )
    return None


_ON_LIST = ("sum_list", "mean_list", "median_list", "std_list", "max_list", "min_list")


def _list_follow_up(talk: Conversation, intent: str, shown: str) -> None:
    """Something else about the same numbers."""
    rng = talk.rng
    numbers = ", ".join(re.findall(r"\d+(?:\.\d+)?", shown))
    for name in rng.sample([name for name in _ON_LIST if name != intent], rng.choice([1, 1, 2])):
        code = OVER_LIST[name].format(list=f"[{numbers}]")
        phrasings = [p for p in bank("csv")[f"fu_{name.removesuffix('_list')}"] if "column" not in p]
        _compute(talk, bend(rng, rng.choice(phrasings)), code, lambda out: f"The answer is {out}.")


_ON_RESULT = {
    "fu_times": "print(round({n} * {a}, 6))",
    "fu_plus": "print(round({n} + {a}, 6))",
    "fu_minus": "print(round({n} - {a}, 6))",
    "fu_divide": "print(round({n} / {a}, 6))",
    "fu_squared": "print({n} ** 2)",
    "fu_sqrt": "print(round({n} ** 0.5, 6))",
    "fu_percent": "print(round({n} * {a} / 100, 6))",
    "fu_half": "print(round({n} / 2, 6))",
    "fu_double": "print(round({n} * 2, 6))",
}


def number_follow_up(talk: Conversation) -> None:
    """A calculation with the number just answered."""
    rng = talk.rng
    intent = rng.choice(list(_ON_RESULT))
    slots = {"a": words.number(rng, 2, 0.15)}
    code = _ON_RESULT[intent].format(n=talk.last_number, **slots)
    if talk.last_number.startswith("-"):
        code = code.replace(talk.last_number, f"({talk.last_number})")
    _compute(talk, say(rng, "math", intent, slots), code, lambda out: f"The answer is {out}.")


def text_turn(talk: Conversation) -> None:
    """Something about words, perhaps followed by the same for another word."""
    rng = talk.rng
    if rng.random() < 0.25:
        _plain(talk, MORE_TEXT)
        return
    names = [name for name in TEXT if name in bank("text")]
    intent = rng.choices(names, [_WEIGHTS.get(name, 1) for name in names])[0]
    slots, code = TEXT[intent](rng)
    _compute(talk, _ask(rng, "text", intent, slots), code, lambda out: _result_sentence(intent, slots, out))
    if set(slots) == {"s"} and rng.random() < 0.3:
        if rng.random() < 0.5:
            fresh, code = TEXT[intent](rng)
            _compute(
                talk,
                say(rng, "text", "fu_word", fresh),
                code,
                lambda out: _result_sentence(intent, fresh, out),
            )
        else:
            literal = re.search(r'"(?:[^"\\]|\\.)*"', code)
            follow = rng.choice(["fu_upper", "fu_length", "fu_reverse"])
            call = {"fu_upper": "{}.upper()", "fu_length": "len({})", "fu_reverse": "{}[::-1]"}[follow]
            if literal and literal[0] != '""' and slots["s"].strip("'\"") == literal[0][1:-1]:
                line = f"print({call.format(literal[0])})"
                _compute(talk, say(rng, "text", follow, {}), line, lambda out: f"The answer is {out}.")


def date_turn(talk: Conversation) -> None:
    """Something about dates."""
    rng = talk.rng
    more = rng.random() < 0.18
    intents = MORE_DATES if more else DATES
    intent = rng.choices(list(intents), [_WEIGHTS.get(name, 1) for name in intents])[0]
    slots, code = intents[intent](rng, talk.today)
    _compute(
        talk,
        say(rng, "more" if more else "text", intent, slots),
        code,
        lambda out: _result_sentence(intent, slots, out),
    )
