"""Count the scores and print them as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from evaluation.runner import CaseScore

_ASPECTS = ("tool", "arguments", "answer")


def table(scores: Sequence[CaseScore]) -> str:
    """Right out of asked, for each kind and in all: tool choice, arguments, answer, everything."""
    kinds = list(dict.fromkeys(score.case.kind for score in scores))
    rows: list[tuple[str, ...]] = [("kind", "tool choice", "arguments", "answer", "end to end")]
    rows += [_row(kind, [score for score in scores if score.case.kind == kind]) for kind in kinds]
    rows.append(_row("all", scores))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def write_misses(path: Path, scores: Iterable[CaseScore]) -> int:
    """Write the cases that went wrong, with their transcripts, one JSON object a line; return how many."""
    lines = [
        json.dumps(score.to_dict(), ensure_ascii=False, default=str) for score in scores if not score.right
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


def _row(name: str, scores: Sequence[CaseScore]) -> tuple[str, ...]:
    aspects = [[mark for score in scores if (mark := score.aspect(name)) is not None] for name in _ASPECTS]
    return (name, *map(_share, aspects), _share([score.right for score in scores]))


def _share(marks: Sequence[bool]) -> str:
    if not marks:
        return "-"
    return f"{sum(marks)}/{len(marks)} ({sum(marks) / len(marks):.1%})"
