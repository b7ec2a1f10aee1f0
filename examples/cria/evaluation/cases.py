"""Read the hand-written questions: one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXPECT_KEYS = frozenset(
    {
        "blocked",
        "calls",
        "case",
        "contains",
        "no_tool",
        "not_contains",
        "number",
        "numbers",
        "pandas",
        "plot",
        "plot_labels",
        "python",
        "python_any",
        "query",
        "refuses",
        "tool",
    }
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says, and what has to come of it.

    The keys of `expect`, all optional:

    - `number`, `numbers`: values that the answer must state.
    - `pandas`: an expression over `df` (the first file) or `dfs` (by name); its value must be in the answer.
    - `python`: the same without a file; `python_any`: several, of which one must hold.
    - `contains`, `not_contains`: strings, in any case unless `case` is true; a list inside is a choice.
    - `calls`: exactly these functions with exactly these arguments, in order.
    - `query`: words that the search must contain.
    - `tool`: the only tool that may be used, at least once; `no_tool`: none may.
    - `plot`: a PNG must come out; `plot_labels`: columns that the code must name.
    - `blocked`: no code may have run, and the answer must say so.
    - `refuses`: the answer must say that this is beyond the model.
    """

    user: str
    expect: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation, with the files and functions it is about."""

    id: str
    kind: str
    files: tuple[str, ...]
    functions: tuple[dict[str, Any], ...]
    search: str | None
    turns: tuple[Turn, ...]


def load_cases(path: Path) -> list[Case]:
    """Read the cases of a JSONL file.

    Raises:
        ValueError: a line is no case, or expects something that the harness does not know.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_case(line, f"{path.name}:{number}") for number, line in enumerate(lines, 1) if line.strip()]


def _case(line: str, where: str) -> Case:
    try:
        raw = json.loads(line)
        turns = tuple(Turn(turn["user"], turn["expect"]) for turn in raw["turns"])
        case = Case(
            id=raw["id"],
            kind=raw["kind"],
            files=tuple(raw["files"]),
            functions=tuple(raw["functions"]),
            search=raw["search"],
            turns=turns,
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{where}: not a case: {error!r}") from error
    for turn in turns:
        if unknown := set(turn.expect) - EXPECT_KEYS:
            raise ValueError(f"{where}: unknown expectation {', '.join(sorted(unknown))}")
    return case
