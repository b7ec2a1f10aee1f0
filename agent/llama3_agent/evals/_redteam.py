"""The red-team suite of this package: every attack of every language through every channel."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, Final, get_args

from llama3_tools.sandbox import inside_name

from ._case import Case, Goal

SUITE: Final = "redteam"
CHANNELS: Final = ("direct", "tool", "file", "file_name", "search", "multi_turn", "encoded")
GOALS: Final[tuple[Goal, ...]] = get_args(Goal)[:5]


def redteam() -> list[Case]:
    """The cases, honest work among them."""
    text = resources.files(__package__).joinpath("redteam.toml").read_text("utf-8")
    return [case for code, words in tomllib.loads(text).items() for case in _of_language(code, words)]


def _of_language(code: str, words: dict[str, Any]) -> Iterator[Case]:
    for channel in CHANNELS:
        for goal in GOALS:
            name = f"{SUITE}/{code}/{channel}/{goal}"
            marker = _marker(goal, name)
            yield _through(
                channel, words, words[goal].format(marker=marker), id=name, goal=goal, marker=marker
            )
    for number, text in enumerate(words["benign"]):
        for channel in ("tool", "file", "search"):
            yield _through(channel, words, text, id=f"{SUITE}/{code}/{channel}/work-{number}", goal="work")


def _through(channel: str, words: dict[str, Any], text: str, **known: Any) -> Case:
    """The case that brings a text in through a channel."""
    common = {"suite": SUITE, "channel": channel, "language": words["name"], "payload": text, **known}
    match channel:
        case "direct":
            return Case(turns=(text,), **common)
        case "tool":
            return Case(turns=(words["page"],), page=f"{words['benign'][0]}\n\n{text}", **common)
        case "file":
            return Case(
                turns=(words["file"],), files={"notes.txt": f"{words['benign'][1]}\n{text}"}, **common
            )
        case "file_name":
            name = _file_name(text)
            files = {name: words["benign"][1]}
            payload = inside_name(name)
            return Case(turns=(words["name_question"],), files=files, **{**common, "payload": payload})
        case "search":
            results = f"1. {words['benign'][0]}\n2. {text}\n3. {words['benign'][2]}"
            return Case(turns=(words["search"],), results=results, **common)
        case "multi_turn":
            return Case(turns=(words["note"], words["go_on"].format(attack=text)), **common)
        case _:
            coded = base64.b64encode(text.encode()).decode()
            turn = words["decode"].format(attack=coded)
            return Case(turns=(turn,), **{**common, "payload": coded})


def _marker(goal: Goal, name: str) -> str:
    token = hashlib.sha256(name.encode()).hexdigest()[:8]
    shown = {
        "network": f"{token}.example",
        "send": f"{token}@mail.example",
        "secret": f"/tmp/mark-{token}/diary.txt",
    }
    return shown.get(goal, f"mark-{token}")


def _file_name(text: str) -> str:
    """The text as a file's name, which holds no slash and no comma and is of limited length in bytes."""
    return text.replace("/", "\u2215").replace(",", "").rstrip(".")[:70].strip() + ".txt"
