"""Questions that take two calls: a number looked up first and used next, or two values compared."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from . import words
from .functions import Call, sample
from .phrases import bank, bend, fill

Function = dict[str, Any]

_LOOKED_UP = (
    "find the {key} of {x}, then tell me {detail}",
    "Find the {key} of {x} and then tell me {detail}.",
    "Look up the {key} of {x} and use it to find out {detail}.",
    "tell me {full}; you need the {key} first",
    "I want to know {full}.",
    "Can you tell me {full}?",
    "{thing} {x}: {detail}?",
    "I only know the name, {x}. Get the {key}, then find out {detail}.",
    "Get me the {key} for {x}. Then say {detail}",
    "which {key} does {x} have, and {detail}?",
    "Please find out {full}",
)
_COMPARED = (
    "compare {about} in {x} and {y}: which one is {more} right now?",
    "Which is {more}, {x} or {y}?",
    "is {x} or {y} {more}?",
    "Is {x} {more} than {y}?",
    "{x} or {y}, which one is {more}?",
    "Compare {about} of {x} and {y}. Which is {more}?",
    "Of {x} and {y}, which is {more}",
    "tell me which of {x} and {y} is {more}",
    "Check {about} for {x} and {y} and tell me which one is {more}.",
    "I cannot decide between {x} and {y}. Which one is {more}?",
    "what is {more}: {x} or {y}",
)


def linked(rng: Random) -> list[Function]:
    """One or two functions with a ``linked`` question about them."""
    return _look_up(rng) if rng.random() < 0.55 else [_comparable(rng)]


def _look_up(rng: Random) -> list[Function]:
    """A function that finds the number of something, and one that needs it."""
    thing = rng.choice(bank("linked")["found"]) if rng.random() < 0.7 else words.word(rng)
    details: dict[str, list[str]] = bank("linked")["details"]
    name = rng.choice(list(details))
    label = rng.choice(["id", "number", "code", "no", "key"])
    key = rng.choice([f"{thing}_{label}", f"{thing}_{label}", label, f"{thing}{label.capitalize()}"])
    type_ = rng.choice(["integer", "string"])
    by = rng.choice(["name", "name", "title", "query", f"{thing}_name"])
    verb = rng.choice(["find", "get", "lookup", "search", "resolve"])
    first: Function = {
        "name": rng.choice([f"{verb}_{thing}", f"{verb}_{thing}_{label}", f"{thing}_by_{by}"]),
        "description": rng.choice([f"Find the {label} of a {thing} by name.", f"The {label} of a {thing}."]),
        "parameters": {by: {"type": "string", "kind": "person", "description": f"The {by}."}},
        "questions": [f"what is the {label} of {{{by}}}?", f"find {thing} {{{by}}}", f"{label} of {{{by}}}"],
        "results": ['{{"' + key + '": {int:1000:99999}}}'],
    }
    second: Function = {
        "name": rng.choice([name, f"get_{name}", f"{thing}_{name}", f"{name}_of_{thing}"]),
        "description": f"The {name.replace('_', ' ')} of a {thing}, by its {label}.",
        "parameters": {key: {"type": type_, "kind": "int:1000:99999", "description": f"The {label}."}},
        "questions": [f"{name.replace('_', ' ')} of {thing} {{{key}}}", f"{thing} {{{key}}}: {name}?"],
        "results": ['{{"' + name + '": {int:0:9999}}}', "{word}", "{float:0:900}"],
    }
    question = rng.choice(details[name])
    first["linked"] = {"then": second, "thing": thing, "key": key, "by": by, "detail": question}
    first["linked"]["said"] = f"{thing} {label}" if rng.random() < 0.5 else label
    return [first, second]


def _comparable(rng: Random) -> Function:
    measure = rng.choice(bank("linked")["compared"])
    parameter = measure["parameter"] if rng.random() < 0.7 else words.word(rng)
    name = measure["name"] if rng.random() < 0.6 else f"{words.word(rng)}_{measure['name'].split('_')[-1]}"
    return {
        "name": name,
        "description": f"Gives {measure['about']} of one {parameter}.",
        "parameters": {parameter: {"type": "string", "kind": measure["kind"], "description": ""}},
        "questions": [f"{name} {{{parameter}}}", f"what about {measure['about']} of {{{parameter}}}?"],
        "results": ['{{"' + measure["key"] + '": {int:0:99}}}'],
        "linked": measure | {"parameter": parameter},
    }


def ask_linked(rng: Random, function: Function) -> tuple[list[Call], str]:
    """The question's two calls, and what the answer says after their results."""
    link = function["linked"]
    return _ask_compared(rng, function, link) if "more" in link else (_ask_found(rng, function, link), "")


def _ask_found(rng: Random, first: Function, link: dict[str, Any]) -> list[Call]:
    second, key = link["then"], link["key"]
    shown, value = sample(rng, first["parameters"][link["by"]])
    number: int | str = rng.randint(100, 99999)
    if rng.random() < 0.3:
        number = f"{words.letters(rng)[:2].upper()}{rng.choice(['', '-'])}{number}"
    found = {key: number}
    if rng.random() < 0.4:
        found = (
            {words.word(rng): words.word(rng), **found} if rng.random() < 0.5 else {**found, "name": shown}
        )
    passed = str(number) if second["parameters"][key]["type"] == "string" else number
    detail = link["detail"]
    slots = {
        "x": shown,
        "thing": link["thing"],
        "key": link["said"],
        "detail": fill(detail, {"they": rng.choice(["it", "that one", "she", "he"])}),
        "full": fill(detail, {"they": rng.choice([shown, f"{link['thing']} {shown}"])}),
    }
    field = second["results"][0].split('"')[1]
    value_found = rng.choice([words.number(rng), words.word(rng), words.proper(rng)])
    result = rng.choice([value_found, json.dumps({field: value_found}, ensure_ascii=False)])
    return [
        Call(
            fill(bend(rng, rng.choice(_LOOKED_UP)), slots),
            first["name"],
            {link["by"]: value},
            json.dumps(found, ensure_ascii=False),
        ),
        Call("", second["name"], {key: passed}, result),
    ]


def _ask_compared(rng: Random, function: Function, link: dict[str, Any]) -> tuple[list[Call], str]:
    parameter = link["parameter"]
    (x, first), (y, second) = (sample(rng, function["parameters"][parameter]) for _ in range(2))
    low, high = sorted(rng.sample(range(rng.choice([10, 40, 100, 1000, 9999])), 2))
    more = rng.random() < 0.5
    word = rng.choice(link["more" if more else "less"])
    values = [low, high] if rng.random() < 0.5 else [high, low]
    wanted = x if (values[0] == high) == more else y
    slots = {"x": x, "y": y, "more": word, "about": link["about"]}
    results = [json.dumps({link["key"]: value}) for value in values]
    if rng.random() < 0.2:
        results = [str(value) for value in values]
    calls = [
        Call(fill(bend(rng, rng.choice(_COMPARED)), slots), function["name"], {parameter: first}, results[0]),
        Call("", function["name"], {parameter: second}, results[1]),
    ]
    return calls, f" {wanted} is {word}."
