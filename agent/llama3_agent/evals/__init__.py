"""Evaluation of a whole agent: where attacks are stopped, and what honest work is refused.

Importing this package loads nothing heavy.
"""

from typing import TYPE_CHECKING

from .._lazy import exports

if TYPE_CHECKING:
    from ._bench import Bench
    from ._case import Case, Outcome
    from ._cyberseceval import cyberseceval
    from ._obedient import obedient
    from ._record import Record
    from ._redteam import redteam
    from ._report import summary, table

_HOMES = {
    "_bench": ("Bench",),
    "_case": ("Case", "Outcome"),
    "_cyberseceval": ("cyberseceval",),
    "_obedient": ("obedient",),
    "_record": ("Record",),
    "_redteam": ("redteam",),
    "_report": ("summary", "table"),
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

__getattr__, __dir__ = exports(__name__, _HOMES)
