"""Policy is data: which decision a rule, or a whole class of rules, leads to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from llama3_tools.gate._codeshield import OURS
from llama3_tools.gate._rules import RULES, threat
from llama3_tools.gate._types import SEVERITY, Decision, Finding


@dataclass(frozen=True, slots=True)
class Policy:
    """Decisions that differ from the table, and the size above which code is refused.

    Attributes:
        decisions: by rule (`"crypto.weak"`) or by class (`"crypto"`); the rule wins. What only Code Shield
            saw goes by its own rule (`"codeshield.insecure-eval-use"`), by `"codeshield"`, then by ours.
            Rules of the class `gate` cannot be changed: a check that was not made means no.
        max_bytes: the longest code scanned, in bytes of UTF-8.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    max_bytes: int = 200_000

    def __post_init__(self) -> None:
        known = set(RULES) | {threat(rule) for rule in RULES}
        for key, decision in self.decisions.items():
            if (key not in known and not key.startswith("codeshield.")) or threat(key) == "gate":
                raise ValueError(
                    f"policy: no rule {key!r} to decide; the rules are: {', '.join(sorted(known))}"
                )
            if decision not in SEVERITY:
                raise ValueError(f"policy: {key} = {decision!r} must be 'allow', 'warn' or 'block'")
        if type(self.max_bytes) is not int or self.max_bytes <= 0:
            raise ValueError(f"policy: max_bytes must be positive, not {self.max_bytes!r}")

    def apply(self, finding: Finding) -> Finding | None:
        """The finding as this policy decides it; `None` where the policy allows it."""
        if threat(finding.rule) == "gate":
            return finding
        ours = OURS.get(finding.rule.removeprefix("codeshield."), ("",))[0]
        keys = [finding.rule, threat(finding.rule), *((ours, threat(ours)) if ours else ())]
        decision = next((self.decisions[key] for key in keys if key in self.decisions), finding.decision)
        return None if decision == "allow" else replace(finding, decision=decision)

    def changed(self, decisions: Mapping[str, Decision], max_bytes: int | None = None) -> Policy:
        """This policy with other decisions. One about a class is about every rule of it."""
        kept = {key: old for key, old in self.decisions.items() if threat(key) not in decisions}
        size = self.max_bytes if max_bytes is None else max_bytes
        return replace(self, decisions={**kept, **decisions}, max_bytes=size)

    @classmethod
    def named(cls, name: str) -> Policy:
        """The policy `name`: "standard" or "strict" (every warning blocks).

        Raises:
            ValueError: if there is no such policy.
        """
        if name == "standard":
            return cls()
        if name == "strict":
            return cls({rule: "block" for rule in RULES if threat(rule) != "gate"})
        raise ValueError(f"no policy {name!r}: use 'standard', 'strict', or Policy.from_toml(path)")

    @classmethod
    def from_toml(cls, path: str | Path) -> Policy:
        """A policy from a TOML file: `base = "strict"`, `max_bytes = ...` and a table `[decisions]`.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if it is not TOML, or holds an unknown key, rule or decision.
        """
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        unknown = set(data) - {"base", "decisions", "max_bytes"}
        if unknown:
            raise ValueError(f"policy {str(path)!r}: unknown keys {sorted(unknown)}")
        decisions = data.get("decisions", {})
        if not isinstance(decisions, dict):
            raise ValueError(f"policy {str(path)!r}: decisions must be a table, not {decisions!r}")
        return cls.named(data.get("base", "standard")).changed(decisions, data.get("max_bytes"))
