"""Values of the gate: what was found and what was decided.

Errors: `GateUnavailable` (the gate cannot prove that it works) and `CodeBlocked` (a guarded tool was given
code that the gate blocks). `CodeGate.scan` raises neither: a scan that cannot be made is a verdict of "block"
with the rule `gate.unavailable`.
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


class CodeBlocked(Exception):  # noqa: N818 - the name is public
    """A tool was asked to run code that the gate blocks. Its text tells a model what to mend.

    Args:
        verdict: the gate's answer.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        said = [f"line {finding.line}: {finding.message} {finding.advice}" for finding in verdict.findings]
        super().__init__("blocked, nothing was run\n" + "\n".join(said))


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
