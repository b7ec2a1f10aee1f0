"""Values of the gate: what was found and what was decided.

Errors: `GateUnavailable` (the gate cannot prove that it works) is the only one. `CodeGate.scan` never raises
it: a scan that cannot be made is a verdict of "block" with the rule `gate.unavailable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Decision = Literal["allow", "warn", "block"]

SEVERITY: dict[Decision, int] = {"allow": 0, "warn": 1, "block": 2}


class GateUnavailable(Exception):  # noqa: N818 - the name is public
    """A layer of the gate is missing, broken or blind. Nothing may run until it works again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the gate saw in the code.

    `line` counts from 1 (0: the code as a whole). `message` names what was found, `advice` what to do
    instead; both are one short sentence, because a language model reads them.
    """

    rule: str
    line: int
    cwe: str
    message: str
    advice: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer about one exact text.

    `layers` are the layers that really ran, `seconds` the time the scan took (0.0 from the cache), `sha256`
    the hash of the UTF-8 bytes the answer is about ("" when the text has none).
    """

    decision: Decision
    findings: tuple[Finding, ...]
    layers: tuple[str, ...]
    seconds: float
    sha256: str
