"""Evaluation of a whole agent: where attacks are stopped, and what honest work is refused.

Importing this package loads nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._bench import Bench
    from ._case import Case, Outcome
    from ._cyberseceval import cyberseceval
    from ._obedient import obedient
    from ._record import Record
    from ._redteam import redteam
    from ._report import summary, table

_HOME_OF = {
    "Bench": "_bench",
    "Case": "_case",
    "Outcome": "_case",
    "Record": "_record",
    "cyberseceval": "_cyberseceval",
    "obedient": "_obedient",
    "redteam": "_redteam",
    "summary": "_report",
    "table": "_report",
}

__all__ = [
    "Bench",
    "Case",
    "Outcome",
    "Record",
    "cyberseceval",
    "obedient",
    "redteam",
    "summary",
    "table",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
