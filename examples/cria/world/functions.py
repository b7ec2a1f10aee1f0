"""Custom functions: a bank of realistic ones and an endless supply of unheard-of ones."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from . import words
from .math_intents import say_date
from .phrases import bank, bend, fill
from .words import DATA


@dataclass(frozen=True, slots=True)
class Call:
    """A question, the call that answers it and what the function returns."""

    question: str
    name: str
    arguments: dict[str, Any]
    result: str


def _id(rng: Random) -> str:
    """The number of a thing: ``B-4711``, ``XQ 90417``, ``9780141036144``, ``7f3a-21``."""
    roll = rng.random()
    if roll < 0.2:
        return "".join(rng.choices("0123456789", k=rng.choice([4, 5, 6, 8, 10, 12, 13])))
    if roll < 0.3:
        return "-".join("".join(rng.choices("0123456789abcdef", k=rng.randint(2, 4))) for _ in range(2))
    letters = "".join(rng.choices("ABCDEFGHKLMNPRSTXZ", k=rng.choice([1, 1, 2, 2, 3])))
    return f"{letters}{rng.choice(['-', '', '-', ' '])}{words.integer(rng, 6)}"


def _with_noun(rng: Random, name: str, value: str) -> str:
    """A number as people write it into a sentence: with what it is the number of in front."""
    noun = name.split("_")[0] if rng.random() < 0.3 else rng.choice(bank("linked")["found"])
    noun = words.word(rng) if rng.random() < 0.25 else noun
    noun = noun.upper() if rng.random() < 0.1 else noun
    before = rng.choice(["", "", "the ", "my "])
    return f"{before}{noun} {rng.choice(['', '', '', 'no. ', 'number ', '#'])}{value}"


def _pool(rng: Random, known: list[str], share: float = 0.55) -> str:
    name = rng.choice(known) if rng.random() < share else words.word(rng)
    return f"{words.word(rng)} {name}" if rng.random() < 0.25 else name


def _proper(rng: Random, known: list[str]) -> str:
    name = rng.choice(known) if rng.random() < 0.5 else words.word(rng).capitalize()
    return f"{name} {words.word(rng).capitalize()}" if rng.random() < 0.15 else name


def _clock(rng: Random) -> str:
    hour, minute = rng.randint(0, 23), rng.choice([0, 15, 30, 45, rng.randint(0, 59)])
    return rng.choice(
        [
            f"{hour:02d}:{minute:02d}",
            f"{hour}:{minute:02d}",
            f"{hour % 12 or 12} {'am' if hour < 12 else 'pm'}",
        ]
    )


def _random_day(rng: Random) -> str:
    import datetime

    day = datetime.date(rng.randint(2020, 2030), rng.randint(1, 12), rng.randint(1, 28))
    return say_date(rng, day) if rng.random() < 0.4 else day.isoformat()


_SAMPLERS: dict[str, Callable[[Random], str]] = {
    "city": lambda rng: _proper(rng, words.known("cities")),
    "country": lambda rng: _proper(rng, words.known("countries")),
    "person": lambda rng: (
        _proper(rng, words.known("people"))
        + (" " + words.word(rng).capitalize() if rng.random() < 0.3 else "")
    ),
    "name": lambda rng: _proper(rng, words.known("people")),
    "email": lambda rng: f"{words.word(rng)}@{words.word(rng)}.{rng.choice(['com', 'org', 'net', 'io'])}",
    "word": lambda rng: words.phrase(rng, 2, 3) if rng.random() < 0.2 else words.word(rng),
    "title": lambda rng: words.phrase(rng, 1, 3).title() if rng.random() < 0.5 else words.phrase(rng, 1, 3),
    "sentence": lambda rng: (
        words.phrase(rng, 2, 6).capitalize() if rng.random() < 0.4 else words.phrase(rng, 2, 6)
    ),
    "product": lambda rng: _pool(rng, words.known("products")),
    "food": lambda rng: _pool(rng, words.known("foods")),
    "song": lambda rng: words.phrase(rng, 1, 3).title(),
    "company": lambda rng: words.word(rng).capitalize() + rng.choice(["", "", " Ltd", " Inc", " Group"]),
    "ticker": lambda rng: words.letters(rng)[:5].upper(),
    "currency": lambda rng: rng.choice(words.known("currencies")),
    "date": _random_day,
    "time": _clock,
    "id": _id,
    "phone": lambda rng: rng.choice(["+", "0"]) + str(words.integer(rng, 10)),
    "url": lambda rng: f"https://{words.word(rng)}.{rng.choice(['com', 'org'])}/{words.word(rng)}",
    "language": lambda rng: rng.choice(words.known("languages")),
    "room": lambda rng: _pool(rng, words.known("rooms"), 0.7),
    "sport": lambda rng: _pool(rng, words.known("sports"), 0.7),
    "airport": lambda rng: words.letters(rng)[:3].upper().ljust(3, "X"),
    "street": lambda rng: (
        f"{rng.randint(1, 200)} {rng.choice(words.known('streets'))}"
        if rng.random() < 0.6
        else words.word(rng).capitalize() + " Street"
    ),
}


_LISTS: dict[str, Callable[[Random], int | float | str]] = {
    "integers": lambda rng: words.integer(rng, 3),
    "floats": lambda rng: float(f"{words.integer(rng, 2)}.{rng.randint(1, 9)}"),
    "words": lambda rng: words.word(rng),
    "names": lambda rng: _SAMPLERS["name"](rng),
    "products": lambda rng: _SAMPLERS["product"](rng),
    "cities": lambda rng: _SAMPLERS["city"](rng),
    "ids": lambda rng: _id(rng),
}
"""What the parameters that take a list take a list of."""


def _several(rng: Random, one: Callable[[Random], int | float | str]) -> tuple[str, list[int | float | str]]:
    values = [one(rng) for _ in range(rng.choice([2, 2, 3, 3, 4, 5]))]
    said = [str(value) for value in values]
    joined = ", ".join(said[:-1]) + rng.choice([" and ", " and ", ", and ", ", "]) + said[-1]
    return joined, values


def sample(rng: Random, spec: dict[str, Any]) -> tuple[str, Any]:
    """A parameter's value: as the question says it, and as the call passes it."""
    kind = str(spec.get("kind", "word"))
    if "when_true" in spec:
        value = rng.random() < 0.5
        return rng.choice(spec["when_true" if value else "when_false"]), value
    if kind in _LISTS:
        return _several(rng, _LISTS[kind])
    if kind == "enum" or "enum" in spec:
        choice = rng.choice(spec["enum"])
        return str(choice), choice
    if kind.startswith(("int", "float")):
        low, high = (float(x) for x in (kind.split(":")[1:] or ["1", "100"]))
        if spec.get("type") == "integer":
            whole = rng.randint(int(low), int(high))
            return str(whole), whole
        number: float = round(rng.uniform(low, high), rng.choice([0, 1, 2]))
        number = int(number) if number == int(number) else number
        return str(number), number
    text = _SAMPLERS[kind](rng)
    if kind == "currency" and rng.random() < 0.4:
        return rng.choice(bank("money")[text]), text
    return text, int(text) if spec.get("type") == "integer" and text.isdigit() else text


def _result(rng: Random, template: str, said: dict[str, str]) -> str:
    """Fill a result template.

    Literal braces are doubled, ``{int:1:9}`` draws a number, ``{name}`` a parameter or sample.
    """

    def draw(match: re.Match[str]) -> str:
        key = match[1]
        if key is None:
            return match[0][0]
        if key.startswith(("int:", "float:")):
            kind, low, high = key.split(":")
            return (
                str(rng.randint(int(float(low)), int(float(high))))
                if kind == "int"
                else str(round(rng.uniform(float(low), float(high)), 2))
            )
        if key in said:
            return said[key]
        return _SAMPLERS.get(key, words.word)(rng)

    return re.sub(r"\{\{|\{([^{}]+)\}|\}\}", draw, template)


def schema(rng: Random, function: dict[str, Any]) -> dict[str, Any]:
    """A function's declaration, its keys in one of the usual orders."""
    properties: dict[str, Any] = {}
    for name, spec in function.get("parameters", {}).items():
        entry: dict[str, Any] = {"type": spec.get("type", "string")}
        if "items" in spec:
            entry["items"] = {"type": spec["items"]}
        if spec.get("description") and not function.get("bare"):
            entry = (
                {"description": spec["description"], **entry}
                if rng.random() < 0.6
                else entry | {"description": spec["description"]}
            )
        if "enum" in spec:
            entry = {**entry, "enum": spec["enum"]} if rng.random() < 0.5 else {"enum": spec["enum"], **entry}
        if spec.get("optional") and rng.random() < 0.4:
            default = {"default": spec["enum"][0] if "enum" in spec else None}
            entry = default | entry if rng.random() < 0.6 else entry | default
        properties[name] = entry
    required = [name for name, spec in function.get("parameters", {}).items() if not spec.get("optional")]
    parameters: dict[str, Any] = {"properties": properties}
    if required:
        parameters["required"] = required
    parameters = parameters | {"type": "object"} if rng.random() < 0.6 else {"type": "object"} | parameters
    body = {"name": function["name"], "description": function["description"], "parameters": parameters}
    return {"type": "function", "function": body}


_LISTED = (("integers", "array"), ("words", "array"))


def made_up(rng: Random) -> dict[str, Any]:
    """A function nobody has heard of, with the questions that fit it."""
    parts = [words.word(rng) for _ in range(rng.choice([1, 2, 2, 2, 3]))]
    verb = rng.choice(
        [
            "get",
            "set",
            "find",
            "compute",
            "book",
            "order",
            "check",
            "send",
            "create",
            "list",
            "count",
            "convert",
            "update",
            "track",
            "plan",
            "read",
        ]
    )
    if rng.random() < 0.7:
        parts[0] = verb
    name = (
        "_".join(parts) if rng.random() < 0.8 else parts[0] + "".join(part.capitalize() for part in parts[1:])
    )
    parameters: dict[str, Any] = {}
    for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3])):
        kind, type_ = rng.choice(
            [
                ("word", "string"),
                ("city", "string"),
                ("person", "string"),
                ("int:0:9999", "integer"),
                ("float:0:500", "number"),
                ("title", "string"),
                ("id", "string"),
                ("date", "string"),
                ("int:1:30", "integer"),
                ("word", "string"),
                *_LISTED,
            ]
        )
        label = rng.choice(
            [
                "city",
                "name",
                "count",
                "amount",
                "day",
                "target",
                "item",
                "code",
                "level",
                "place",
                "who",
                words.word(rng),
            ]
        )
        parameters[label] = {"type": type_, "kind": kind, "description": f"The {label}."}
        if type_ == "array":
            parameters[label]["items"] = "integer" if kind == "integers" else "string"
    subject = " ".join(parts[1:]) or parts[0]
    slots = [
        f"{rng.choice(['{} {{{}}}', '{} = {{{}}}', '{}: {{{}}}', '{} is {{{}}}', '{}={{{}}}']).format(p, p)}"
        for p in parameters
    ]
    values = [f"{{{p}}}" for p in parameters]
    listed, bare = (
        (", ".join(slots[:-1]) + " and " if len(slots) > 1 else "") + slots[-1] if slots else "",
        " ".join(values),
    )
    questions = (
        [
            f"Call {name} with {listed}.",
            f"Use {name} with {listed}",
            f"{name} {listed}",
            f"Please run {name}, {listed}.",
            f"I want to {parts[0]} the {subject}: {listed}",
            f"{parts[0]} {subject} for {bare}",
            f"Can you {parts[0]} the {subject} with {listed}?",
            f"What does {name} say for {listed}?",
            f"With {listed}, what is the {subject}?",
            f"{name}({', '.join(values)})",
        ]
        if parameters
        else [
            f"Call {name}.",
            f"{parts[0]} the {subject}",
            f"Please use {name}",
            f"Can you {parts[0]} the {subject}?",
            f"run {name} now",
        ]
    )
    results = [
        "{int:0:9999}",
        "{word} {word}",
        '{{"' + words.word(rng) + '": {int:0:999}, "' + words.word(rng) + '": "{word}"}}',
        "{float:0:100}",
        "ok: {id}",
    ]
    description = rng.choice(
        [
            f"{parts[0].capitalize()} the {subject}.",
            f"{words.phrase(rng).capitalize()}.",
            f"Gives the {subject} of something.",
        ]
    )
    return {
        "name": name,
        "description": description,
        "parameters": parameters,
        "questions": questions,
        "results": results,
    }


@functools.cache
def described() -> list[dict[str, Any]]:
    """The functions of every ``functions*.toml`` of the data."""
    return [f for path in sorted(DATA.glob("functions*.toml")) for f in bank(path.stem)["function"]]


def pick(rng: Random) -> dict[str, Any]:
    """A function from the bank, now and then with other names, or a made-up one."""
    if rng.random() < 0.3:
        return made_up(rng)
    function: dict[str, Any] = dict(rng.choice(described()))
    if rng.random() < 0.1:
        function["bare"] = True
    if rng.random() < 0.35:
        function["name"] = _renamed(rng, function["name"])
    if rng.random() < 0.35:
        function = _with_other_parameters(rng, function)
    if rng.random() < 0.25:
        function["results"] = [_object_of_fields(rng)]
    return function


def alike(rng: Random, function: dict[str, Any]) -> dict[str, Any]:
    """A function of the bank that takes something of the same kind, told apart by its purpose alone."""
    kinds = _kinds(function)
    others = [other for other in described() if kinds & _kinds(other)]
    return dict(rng.choice(others)) if others else pick(rng)


def _kinds(function: dict[str, Any]) -> set[str]:
    kinds = {str(spec.get("kind", "")) for spec in function.get("parameters", {}).values()}
    return {kind for kind in kinds if kind in _SAMPLERS and kind != "word"}


def _renamed(rng: Random, name: str) -> str:
    verb, _, rest = name.partition("_")
    if not rest or rng.random() < 0.3:
        return f"{name}_{words.word(rng)}"
    if rng.random() < 0.5:
        verb = rng.choice(["get", "fetch", "find", "show", "read", "do", "make", "request", "new", "my"])
        return f"{verb}_{rest}"
    return rest if rng.random() < 0.5 else rest + verb.capitalize()


def _with_other_parameters(rng: Random, function: dict[str, Any]) -> dict[str, Any]:
    """The same function with some of its parameters called otherwise."""
    names = {
        old: rng.choice([f"{old}_{words.word(rng)}", f"{words.word(rng)}_{old}", words.word(rng), old])
        for old in function.get("parameters", {})
    }
    if len(set(names.values())) < len(names):
        return function

    def rename(template: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: f"{{{names.get(found[1], found[1])}}}", template)

    return function | {
        "parameters": {names[old]: spec for old, spec in function.get("parameters", {}).items()},
        "questions": [rename(question) for question in function["questions"]],
        "results": [rename(result) for result in function["results"]],
    }


def _object_of_fields(rng: Random) -> str:
    """The template of a result with fields that people ask about."""
    values = ("{word}", "{int:0:200}", "{float:0:90}", "{date}", "{person}", "{time}", "{city}")
    chosen = rng.sample(sorted(bank("fields")), rng.randint(2, 4))
    fields = []
    for key in chosen:
        value = rng.choice(values)
        fields.append(f'"{key}": {value}' if ":" in value else f'"{key}": "{value}"')
    return "{{" + ", ".join(fields) + "}}"


def ask(rng: Random, function: dict[str, Any]) -> Call:
    """A question that the function answers."""
    question = rng.choice(function["questions"])
    said: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    for name, spec in function.get("parameters", {}).items():
        if f"{{{name}}}" in question:
            said[name], arguments[name] = sample(rng, spec)
            if spec.get("kind") == "id" and rng.random() < 0.25:
                said[name] = _with_noun(rng, name, said[name])
    result = _result(rng, rng.choice(function["results"]), said)
    return Call(fill(bend(rng, question), said), function["name"], arguments, result)


_BOTH = ("{} and {}", "{} and {}", "{} and also {}", "both {} and {}", "{} as well as {}", "{} and then {}")


def ask_twice(rng: Random, function: dict[str, Any]) -> list[Call]:
    """One question about two things, which takes two calls; empty when the function takes no such thing."""
    question = rng.choice(function["questions"])
    parameters = {n: spec for n, spec in function.get("parameters", {}).items() if f"{{{n}}}" in question}
    open_ones = [n for n, spec in parameters.items() if spec.get("kind") in _SAMPLERS]
    if not open_ones:
        return []
    key = rng.choice(open_ones)
    first = {name: sample(rng, spec) for name, spec in parameters.items()}
    second = first | {key: sample(rng, parameters[key])}
    said = {name: text for name, (text, _) in first.items()}
    both = rng.choice(_BOTH).format(first[key][0], second[key][0])
    asked = fill(bend(rng, question), said | {key: both})
    return [
        Call(
            text,
            function["name"],
            {name: value for name, (_, value) in taken.items()},
            _result(rng, rng.choice(function["results"]), {n: shown for n, (shown, _) in taken.items()}),
        )
        for text, taken in ((asked, first), ("", second))
    ]
