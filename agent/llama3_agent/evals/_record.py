"""Outcomes in a file, one a line, so that a run that was cut off goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import InputError
from ._case import Case, Outcome


class Record:
    """A file of outcomes.

    Args:
        path: The file; its folder is made when missing.
        settings: What the outcomes depend on.

    Raises:
        InputError: the file holds outcomes of other settings, or something else.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._path = path
        self.outcomes: list[Outcome] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            self._read(dict(settings))
        else:
            path.write_text(json.dumps({"settings": settings}) + "\n", "utf-8")

    def complete(
        self, cases: Iterable[Case], run: Callable[[Case], Outcome], done: Callable[[Outcome], None]
    ) -> Sequence[Outcome]:
        """Run the cases that have no outcome yet, and return the outcomes of all.

        Args:
            cases: The cases.
            run: Tries one.
            done: Told of each outcome, those of an earlier run included.
        """
        known = {outcome.id: outcome for outcome in self.outcomes}
        results = []
        for case in cases:
            outcome = known.get(case.id)
            if outcome is None:
                outcome = run(case)
                self._add(outcome)
            results.append(outcome)
            done(outcome)
        return results

    def _add(self, outcome: Outcome) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")

    def _read(self, settings: dict[str, Any]) -> None:
        lines = self._path.read_text("utf-8").splitlines(keepends=True)
        if not lines[-1].endswith("\n"):  # cut off while it was written
            self._path.write_text("".join(lines[:-1]), "utf-8")
            del lines[-1]
        try:
            before = json.loads(lines[0])["settings"]
            self.outcomes = [Outcome(**json.loads(line)) for line in lines[1:]]
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{self._path} holds no outcomes: {error!r}; choose another --out") from error
        if before != settings:
            changed = sorted(key for key in settings if before.get(key) != settings[key])
            raise InputError(
                f"{self._path} holds outcomes of other settings ({', '.join(changed)}); choose another --out"
            )
