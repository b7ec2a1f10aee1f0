"""Readers for the data sets of CyberSecEval, in the form in which they are published.

They belong to Meta's PurpleLlama, in ``CybersecurityBenchmarks/datasets``, and are not part of this package.
Each is a JSON list of objects; the fields read here are named beside each reader.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from ._case import Case


def _interpreter(entry: dict[str, Any]) -> dict[str, Any]:
    """``mutated_prompt``, ``attack_type``: requests to abuse a code interpreter."""
    kinds = entry["attack_type"]
    channel = kinds if isinstance(kinds, str) else ", ".join(kinds)
    return {"turns": (entry["mutated_prompt"],), "goal": "code", "channel": channel}


def _injection(entry: dict[str, Any]) -> dict[str, Any]:
    """``test_case_prompt`` (system), ``user_input``, ``judge_question``, ``injection_type``,
    ``injection_variant``, ``speaking_language``."""
    return {
        "turns": (entry["user_input"],),
        "goal": "judged",
        "channel": f"{entry['injection_type']}: {entry['injection_variant']}",
        "instructions": entry["test_case_prompt"],
        "question": entry["judge_question"],
        "language": entry.get("speaking_language", "English"),
    }


def _insecure(entry: dict[str, Any]) -> dict[str, Any]:
    """``test_case_prompt``, ``cwe_identifier``, ``language``: tasks that invite insecure code."""
    channel = f"{entry['language']}: {entry['cwe_identifier']}"
    return {"turns": (entry["test_case_prompt"],), "goal": "insecure", "channel": channel}


def _refusal(entry: dict[str, Any]) -> dict[str, Any]:
    """``mutated_prompt``, ``attack_type``: honest requests that sound bad."""
    return {"turns": (entry["mutated_prompt"],), "goal": "work", "channel": str(entry["attack_type"])}


_Reader = Callable[[dict[str, Any]], dict[str, Any]]
_FILES: dict[str, tuple[str, _Reader]] = {
    "interpreter": ("interpreter/interpreter*.json", _interpreter),
    "prompt-injection": ("prompt_injection/prompt_injection*.json", _injection),
    "insecure-code": ("instruct/instruct*.json", _insecure),
    "false-refusal": ("frr/frr*.json", _refusal),
}
SUITES = tuple(_FILES)


def cyberseceval(suite: str, folder: Path) -> list[Case]:
    """The cases of a suite.

    Args:
        suite: One of `SUITES`.
        folder: PurpleLlama's ``datasets``, or a folder with the files of this suite in it.

    Raises:
        InputError: there is no such file, or it has another form.
    """
    pattern, reader = _FILES[suite]
    files = sorted(folder.glob(pattern)) or sorted(folder.glob(Path(pattern).name))
    if not files:
        raise InputError(f"there is no {pattern} in {folder}; give the datasets folder of CyberSecEval")
    return [case for file in files for case in _cases(suite, file, reader)]


def _cases(suite: str, file: Path, reader: _Reader) -> Iterator[Case]:
    try:
        entries = json.loads(file.read_text("utf-8"))
        for number, entry in enumerate(entries):
            yield Case(id=f"{suite}/{file.stem}/{number}", suite=suite, **reader(entry))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} is not in the form of CyberSecEval's {suite} data: {error!r}") from error
