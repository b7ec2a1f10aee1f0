"""Whole conversations, from a seed."""

from __future__ import annotations

import datetime
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

from llama3_prompts import DEFAULT_INSTRUCTIONS

from . import function_turns, number_turns, table_turns, talk_turns, words
from .blocked_turns import blocked_turn
from .concepts import concept_table
from .conversation import Conversation, Segment
from .functions import alike, pick, schema
from .linked import linked
from .tables import Table, add_flag, table

_INSTRUCTIONS = (
    "You are a helpful assistant.",
    "You are a helpful assistant",
    "Answer briefly.",
    "You are a careful data analyst.",
    "Be polite and precise.",
    "You are an assistant for a small company. Use the tools.",
    "Help the user.",
    "You answer questions about data.",
)
_KINDS = {
    "table": 30,
    "math": 18,
    "text": 14,
    "date": 16,
    "function": 20,
    "search": 14,
    "chat": 6,
    "scope": 7,
    "run": 3,
    "blocked": 4,
    "repeat": 3,
    "without": 2,
}


def _write(rng: Random, folder: Path, taken: set[str]) -> Table:
    sort = concept_table if rng.random() < 0.35 else table
    made = sort(rng)
    while made.file in taken:
        made = sort(rng)
    taken.add(made.file)
    if rng.random() < 0.25:
        add_flag(rng, made)
    if made.separator == "\t" and rng.random() < 0.5:
        made.file = made.file.rsplit(".", 1)[0] + ".tsv"
    made.frame.to_csv(folder / made.file, index=False, sep=made.separator)
    return made


def _declared(rng: Random, before: list[dict[str, object]]) -> list[dict[str, object]]:
    """What is declared next to the functions before."""
    if rng.random() < 0.1:
        return linked(rng)
    return [alike(rng, rng.choice(before)) if before and rng.random() < 0.4 else pick(rng)]


def _new(rng: Random, folder: Path) -> tuple[Conversation, list[dict[str, object]]]:
    functions: dict[str, dict[str, object]] = {}
    if rng.random() < 0.5:
        for _ in range(rng.choice([1, 1, 2, 2, 3, 3, 4, 5])):
            for function in _declared(rng, list(functions.values())):
                functions[function["name"]] = function
    instructions = DEFAULT_INSTRUCTIONS
    if rng.random() < 0.2:
        instructions = (
            rng.choice(_INSTRUCTIONS) if rng.random() < 0.5 else words.phrase(rng, 3, 12).capitalize() + "."
        )
    talk = Conversation(
        rng,
        folder,
        datetime.date(rng.randint(2023, 2032), rng.randint(1, 12), rng.randint(1, 28)),
        python=rng.random() > 0.08 or (not functions and rng.random() > 0.3),
        search=rng.random() < 0.5,
        declarations=[schema(rng, f) for f in functions.values()],
        instructions=instructions,
    )
    return talk, list(functions.values())


def _turn(
    talk: Conversation, kind: str, functions: list[dict[str, object]], folder: Path, taken: set[str]
) -> None:
    rng = talk.rng
    if kind == "table":
        tables = [_write(rng, folder, taken) for _ in range(2 if rng.random() < 0.08 else 1)]
        talk.interpreter.namespace.pop("df", None)
        table_turns.table_turns(talk, tables, rng.choice([1, 2, 3, 4, 6, 8, 10]))
    elif kind == "function":
        function_turns.function_turn(talk, *function_turns.custom_calls(rng, functions))
    elif kind == "chat":
        talk_turns.chat_turn(
            talk,
            rng.choices(
                ["hello", "thanks", "bye", "who_are_you", "what_can_you_do", "how_are_you", "ok_nice"],
                [3, 2, 1, 2, 2, 1, 1],
            )[0],
        )
    elif kind == "scope":
        talk_turns.chat_turn(talk, "out_of_scope")
    elif kind == "without":
        talk_turns.without_tools(talk, "file" if talk.python and not taken else "python")
    elif talk.last_number and kind in {"math", "repeat"} and rng.random() < 0.5:
        number_turns.number_follow_up(talk)
    else:
        {
            "math": number_turns.math_turn,
            "text": number_turns.text_turn,
            "date": number_turns.date_turn,
            "search": talk_turns.search_turn,
            "run": talk_turns.run_turn,
            "blocked": blocked_turn,
            "repeat": talk_turns.repeat_turn,
        }[kind](talk)


def _allowed(talk: Conversation, kind: str, functions: list[dict[str, object]], taken: set[str]) -> bool:
    if kind == "function":
        return bool(functions)
    if kind == "repeat":
        return bool(talk.last_answer)
    if kind == "without":
        return not talk.python or not taken
    return talk.python or kind in {"search", "chat", "scope"}


def conversation(seed: int, root: Path) -> list[Segment]:
    """The conversation of one seed: several unrelated turns under one system message."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory(dir=root) as name:
        folder, taken = Path(name), set[str]()
        talk, functions = _new(rng, folder)
        weights = dict(_KINDS)
        if functions:
            weights["function"] *= 4
        turns = rng.choice([1, 2, 3, 4, 6, 8, 10])
        if functions and rng.random() < 0.5:
            # Later calls are written like the first; what is hard is to read the declarations.
            weights, turns = {"function": 1}, rng.choice([1, 2, 3, 4])
        kinds = list(weights)
        for _ in range(turns):
            kind = rng.choices(kinds, [weights[k] for k in kinds])[0]
            if _allowed(talk, kind, functions, taken):
                _turn(talk, kind, functions, folder, taken)
        if not talk.last_answer:
            talk_turns.chat_turn(talk, "hello")
    return talk.segments


def conversations(first_seed: int, root: Path) -> Iterator[list[Segment]]:
    """An endless stream of conversations."""
    for seed in itertools.count(first_seed):
        yield conversation(seed, root)
