"""Turns that call custom functions."""

from __future__ import annotations

import json
import re
from random import Random

from . import words
from .conversation import Conversation
from .functions import Call, ask, ask_twice
from .linked import ask_linked
from .phrases import bank, bend, fill, say


def in_words(result: str) -> str:
    """A function's result as the end of a sentence."""
    if result.startswith(("{", "[")):
        return result.strip("[]{} ").replace('"', "").replace("{", "").replace("}", "")
    return result.rstrip(".")


def _wrong_call(talk: Conversation, call: Call) -> None:
    """A first call that fails (not learned), with the message that says what to mend."""
    rng = talk.rng
    numbers = [k for k, v in call.arguments.items() if isinstance(v, int) and not isinstance(v, bool)]
    if numbers and rng.random() < 0.5:
        key = rng.choice(numbers)
        wrong = call.arguments | {key: f"{call.arguments[key]} {words.word(rng)}"}
        message = f"error: {call.name}() argument '{key}': Input should be a valid integer"
        talk.call(call.name, wrong, message, learn=False)
    elif call.arguments and rng.random() < 0.35:
        key = rng.choice(list(call.arguments))
        wrong = {k: v for k, v in call.arguments.items() if k != key}
        talk.call(call.name, wrong, f"error: {call.name}() argument '{key}': Field required", learn=False)
    elif texts := [k for k, v in call.arguments.items() if isinstance(v, str) and v]:
        _mend_value(talk, call, rng.choice(texts))
    else:
        wrong_name = words.word(rng) + "_" + call.name if rng.random() < 0.5 else call.name.replace("_", "")
        tools = ", ".join([call.name] + (["code_interpreter"] if talk.python else []))
        talk.call(
            wrong_name,
            call.arguments,
            f"error: unknown tool '{wrong_name}'; the tools are: {tools}",
            learn=False,
        )


_HINTS = (
    "unknown {k} '{w}'; did you mean '{v}'?",
    "no such {k}: {w} (try {v})",
    "{k} must be written as {v}",
    "use '{v}' instead of '{w}'",
    "invalid {k} {w}, expected {v}",
    "{w} not found, closest match: {v}",
    "write it like this: {v}",
    "'{w}' is not a valid {k}; the right form is '{v}'",
)


def _mend_value(talk: Conversation, call: Call, key: str) -> None:
    """The function refuses a value and says how to write it; the right call (learned) uses the hint."""
    rng, value = talk.rng, call.arguments[key]
    mended = rng.choice(
        [
            value.upper(),
            value.replace(" ", "-") + "-1",
            value + words.word(rng),
            value.lower() + "_" + words.letters(rng)[:2],
        ]
    )
    hint = fill(rng.choice(_HINTS), {"k": key, "w": value, "v": mended})
    talk.call(
        call.name,
        call.arguments,
        f"error: {call.name}() raised {rng.choice(['ValueError', 'KeyError', 'LookupError'])}: {hint}",
    )
    call.arguments[key] = mended


def _fields(result: str) -> dict[str, str]:
    """The plain fields of a JSON object that a function returned."""
    try:
        value = json.loads(result)
    except json.JSONDecodeError:
        return {}
    plain = (
        {k: v for k, v in value.items() if isinstance(v, str | int | float)}
        if isinstance(value, dict)
        else {}
    )
    return {
        k: str(v) if isinstance(v, str | int | float) and not isinstance(v, bool) else json.dumps(v)
        for k, v in plain.items()
    }


def _field_follow_up(talk: Conversation, result: str) -> None:
    """A question about one field of what a function returned: answered without another call."""
    rng, fields = talk.rng, _fields(result)
    if len(fields) < 2:
        return
    meant = [key for key in fields if key in bank("fields")]
    key = rng.choice(meant or list(fields))
    if meant and rng.random() < 0.7:
        talk.user(bend(rng, rng.choice(bank("fields")[key])))
    else:
        talk.user(
            say(rng, "more", "field_follow_up", {"key": key.replace("_", " ") if rng.random() < 0.7 else key})
        )
    talk.answer(f"The {key} is {fields[key]}.")


def function_turn(talk: Conversation, calls: list[Call], conclusion: str = "") -> None:
    """One or two calls that the question asks for, and what follows from them."""
    rng = talk.rng
    texts = [call.question for call in calls if call.question]
    text = texts[0]
    if len(texts) > 1:
        second = texts[1][:1].lower() + texts[1][1:]
        text = (
            texts[0].rstrip("?.!")
            + rng.choice([", and ", " and ", "? And ", ". Then ", ". Also, ", ", then "])
            + second
        )
    times = ""
    if (
        len(calls) == 1
        and talk.python
        and re.fullmatch(r"\d+(\.\d+)?", calls[0].result)
        and rng.random() < 0.3
    ):
        times = words.number(rng, 2, 0)
        text = text.rstrip("?.!") + rng.choice(
            [
                ", and multiply the result by {}.",
                ", then times {}",
                ". What is that times {}?",
                ". Multiply it by {}.",
                " and then multiply by {}",
            ]
        ).format(times)
    talk.user(text)
    if rng.random() < 0.05:
        _wrong_call(talk, calls[0])
    if rng.random() < 0.05:
        kind = rng.choice(["ValueError", "KeyError", "RuntimeError", "LookupError"])
        error = f"error: {calls[0].name}() raised {kind}: {words.phrase(rng)}"
        talk.call(calls[0].name, calls[0].arguments, error)
        talk.answer(f"I could not do that. {error.removeprefix('error: ')}")
        return
    for call in calls:
        talk.call(call.name, call.arguments, call.result)
    if times:
        ran = talk.code(f"print(round({calls[0].result} * {times}, 6))")
        talk.answer(f"The answer is {ran.stdout}.")
        talk.last_number = ran.stdout
        return
    talk.answer(" ".join(f"The result is {in_words(call.result)}." for call in calls) + conclusion)
    talk.last_number = (
        calls[0].result if len(calls) == 1 and re.fullmatch(r"\d+(\.\d+)?", calls[0].result) else ""
    )
    if len(calls) == 1 and rng.random() < 0.4:
        _field_follow_up(talk, calls[0].result)


def custom_calls(rng: Random, functions: list[dict[str, object]]) -> tuple[list[Call], str]:
    """One call, or two in a row, and what the answer says after their results."""
    function = rng.choice(functions)
    if "linked" in function and rng.random() < 0.75:
        return ask_linked(rng, function)
    return _independent(rng, function, functions), ""


def _independent(rng: Random, function: dict[str, object], functions: list[dict[str, object]]) -> list[Call]:
    if rng.random() < 0.1 and (pair := ask_twice(rng, function)):
        return pair
    calls = [ask(rng, function)]
    if rng.random() < 0.12:
        calls.append(ask(rng, rng.choice(functions)))
    return calls
