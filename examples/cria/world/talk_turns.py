"""Turns for the web, for small talk, and for code that the user gives."""

from __future__ import annotations

import json
from random import Random

from . import csv_intents as csv
from . import words
from .answers import CHAT, NO_FILE, NO_PYTHON, NO_SEARCH, failure
from .conversation import Conversation
from .math_intents import MATH
from .phrases import bank, bend, fill, say

_FACTS = (
    "{P} is the {w} of {Q}",
    "{P} won the {w} in {y}",
    "The {w} of {P} is {n}",
    "{P} was born in {y} in {Q}",
    "About {n} people live in {P}",
    "{P} opened in {y}",
    "{P} wrote {Q} in {y}",
    "According to {Q}, {P} has {n} {w}",
    "The {w} was {w2} by {P} on {d} {y}",
    "{P} {w} {w2} {w3} {Q}",
    "{P} reached {n} {w} in {y}, up from {m}",
    "It is {n} degrees and {w} in {P}",
    "{P} in {Q} is the {w} {w2} in {R} at {n} {w3}",
    "{P} is a {w} {w2} directed by {Q}",
    "{P} is a {w} {w2} {w3} of {R} and the {w} of {Q}",
    "The latest {w} is {P} {n}",
    "{Q} {w} the {P} {y} {w2} in {R}",
)


def _name(rng: Random) -> str:
    return " ".join(words.proper(rng) for _ in range(rng.choice([1, 1, 2])))


def _fact(rng: Random) -> str:
    values = {
        "P": _name(rng),
        "Q": words.proper(rng),
        "R": words.proper(rng),
        "w": words.word(rng),
        "w2": words.word(rng),
        "w3": words.word(rng),
        "y": str(rng.randint(1700, 2026)),
        "n": words.number(rng, 6),
        "m": words.number(rng, 5),
        "d": f"{rng.randint(1, 28)} {rng.choice(['May', 'June', 'March', 'October'])}",
    }
    return fill(rng.choice(_FACTS), values) + "."


_QUESTIONS = (
    "who won the {n} in {y}?",
    "Who won the {n} {n2} last year?",
    "who {v} the {n} of {P}?",
    "Who {v} the {n} {n2}?",
    "what is the {n} of {P}?",
    "What is the {a} {n} in {P}?",
    "what's the latest {n} of {P}",
    "Which {n} has the most {n2}?",
    "which {n} is the {a} in {P}?",
    "When did {P} {v} the {n}?",
    "when was the {n} {n2} {v}?",
    "When is the next {n} in {P}?",
    "Where is the {n} of {P}?",
    "where does the {a} {n} live?",
    "How {a} is the {n} in {P}?",
    "how many {n} does {P} have?",
    "How much does a {a} {n} cost in {y}?",
    "is there any news about the {n} of {P}?",
    "What happened to the {n} in {y}?",
    "the {a} {n} of {P}?",
    "why is the {n} {a}?",
    "how old is the {n} {n2} of {P}?",
    "What did {P} say about the {n}?",
    "which version of {P} is the newest",
)


def _question(rng: Random) -> str:
    """A question for the web that nobody has asked before."""
    values = {
        "P": _name(rng),
        **{slot: words.word(rng) for slot in ("n", "n2", "v", "a")},
        "y": str(rng.randint(1700, 2030)),
    }
    if rng.random() < 0.3:
        values["n"] = f"{values['n']}'s {words.phrase(rng, 1, 2)}"
    return fill(rng.choice(_QUESTIONS), values)


def _title(rng: Random, description: str, query: str) -> str:
    """A page's title: its own words, or some of those that the text or the query has too."""
    roll = rng.random()
    if roll < 0.4:
        return words.phrase(rng, 1, 4).title()
    source = (description if roll < 0.75 else query).rstrip(".").split()
    at = rng.randrange(max(1, len(source) - 2)) if roll > 0.6 else 0
    year = f" ({rng.randint(1900, 2030)})" if rng.random() < 0.3 else ""
    return " ".join(source[at : at + rng.randint(1, 4)]) + year


def search_turn(talk: Conversation) -> None:
    """A question for the web."""
    rng = talk.rng
    intent = rng.choices(
        ["search_question", "search_person", "search_topic", "search_news", "search_place"], [5, 1, 1, 1, 1]
    )[0]
    template = rng.choice(bank("chat")[intent])
    if intent == "search_question" and rng.random() < 0.7:
        template = _question(rng)
    slots = {
        "p": f"{words.proper(rng)} {words.proper(rng)}",
        "q": words.phrase(rng, 1, 4),
        "x": rng.choice([words.proper(rng), rng.choice(words.known("countries"))]),
    }
    question = fill(template, slots)
    bent = (
        fill(bend(rng, template), slots)
        if intent not in {"search_question", "search_place"}
        else _framed(rng, question)
    )
    talk.user(bent[0] if isinstance(bent, tuple) else bent)
    if not talk.search:
        talk.answer(NO_SEARCH)
        return
    asked = bent[1] if isinstance(bent, tuple) else question
    query = {
        "search_person": slots["p"],
        "search_topic": slots["q"],
        "search_news": slots["q"] + " news",
    }.get(intent, asked.rstrip("?.! "))
    if rng.random() < 0.1:
        reason = rng.choice(
            [
                "brave_search needs an API key: set BRAVE_API_KEY",
                "brave_search got no answer in time",
                "brave_search was refused with HTTP 429",
                f"brave_search failed: {words.phrase(rng)}",
            ]
        )
        talk.search_web(query, f"error: {reason}")
        talk.answer(f"I could not do that. {reason}")
        return
    found = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        description = " ".join(_fact(rng) for _ in range(rng.choice([1, 1, 2])))
        url = f"https://{words.word(rng)}.{rng.choice(['com', 'org'])}/{words.word(rng)}"
        found.append({"title": _title(rng, description, query), "url": url, "description": description})
    talk.search_web(
        query,
        json.dumps(
            {"query": query, "top_k": found},
            ensure_ascii=False,
            separators=rng.choice([(", ", ": "), (",", ":")]),
        ),
    )
    talk.answer(f"{found[0]['description']} (source: {found[0]['title']})")


def _framed(rng: Random, question: str) -> tuple[str, str]:
    """A factual question as typed, perhaps in a frame that is no part of the query."""
    if rng.random() < 0.2:
        question = question.lower()
    if rng.random() < 0.2:
        question = question.rstrip("?")
    frame = rng.choice(
        ["{}"] * 8
        + [
            "Hi, {}",
            "Search the web: {}",
            "Can you look this up? {}",
            "Google this: {}",
            "Find out: {}",
            "{} Please search.",
            "Hello! {}",
        ]
    )
    return frame.format(question), question


def chat_turn(talk: Conversation, intent: str) -> None:
    """Small talk, or something outside the model's world."""
    rng = talk.rng
    text = rng.choice(bank("chat")[intent])
    slots = {
        "q": words.phrase(rng, 1, 4),
        "w": words.word(rng),
        "p": words.proper(rng),
        "l": rng.choice(words.known("languages")),
    }
    talk.user(fill(text if intent == "hello" else bend(rng, text), slots))
    talk.answer(CHAT[intent])


def repeat_turn(talk: Conversation) -> None:
    """The answer again, without a tool."""
    talk.user(say(talk.rng, "more", "repeat", {}))
    talk.answer(talk.last_answer)


def _snippet(rng: Random) -> str:
    """A short program as users paste it."""
    a, b, w, v = words.number(rng, 3, 0), words.number(rng, 3, 0), words.word(rng), words.syllables(rng)
    v = v + "_x" if v in {"in", "is", "as", "if", "or", "do"} else v
    return rng.choice(
        [
            f"print({a} + {b})",
            f"print({csv.quote(w)} * {rng.randint(2, 4)})",
            f"{v} = {a}\nprint({v} * {b})",
            f"for i in range({rng.randint(2, 5)}):\n    print(i * {a})",
            f"print(sum(range({rng.randint(3, 90)})))",
            f"{v} = [{a}, {b}, {words.number(rng, 2, 0)}]\nprint(max({v}))",
            f"print(len({csv.quote(w)}))",
            f"import math\nprint(math.floor({words.number(rng)}))",
            f"print([n ** 2 for n in range({rng.randint(2, 8)})])",
            f"print({a} / 0)",
            f"print({v})",
            f"def {v}(n):\n    return n * {a}\nprint({v}({b}))",
            f"{v} = {csv.quote(w)}\nprint({v}.upper())",
            f"print(int({csv.quote(w)}))",
            f'print(f"{w} {{{a} + {b}}}")',
            f"{v} = {{{csv.quote(w)}: {a}}}\nprint({v})",
            f"print(sorted([{a}, {b}]))",
            f"{v} = {a}",
        ]
    )


def run_turn(talk: Conversation) -> None:
    """Code that the user gives, run as it stands."""
    rng = talk.rng
    code = _snippet(rng)
    fenced = rng.random()
    shown = (
        f"```python\n{code}\n```"
        if fenced < 0.3
        else f"\n{code}"
        if fenced < 0.45
        else f"`{code}`"
        if fenced < 0.55 and "\n" not in code
        else code
    )
    talk.user(fill(rng.choice(bank("chat")["run_code"]), {"code": shown}))
    ran = talk.code(code)
    if ran.error:
        talk.answer(failure(ran.error))
    elif not ran.stdout:
        talk.answer("The code ran and printed nothing.")
    else:
        talk.answer(f"The output is:\n{ran.stdout}" if "\n" in ran.stdout else f"The output is {ran.stdout}")


def without_tools(talk: Conversation, kind: str) -> None:
    """Questions that cannot be answered for want of a tool or a file."""
    rng = talk.rng
    if kind == "file":
        name = rng.choice(["mean", "median", "scatter", "hist", "group_mean", "corr", "max"])
        column = lambda: words.column(rng, words.known("numeric_columns"))  # noqa: E731
        talk.user(
            say(
                rng,
                "csv",
                name,
                {
                    "c": column(),
                    "c2": column(),
                    "g": rng.choice(words.known("category_columns")),
                    "f": words.file_name(rng),
                },
            )
        )
        talk.answer(NO_FILE)
        return
    name = rng.choice([n for n in MATH if n in bank("math")])
    talk.user(say(rng, "math", name, MATH[name](rng)[0]))
    talk.answer(NO_PYTHON)
