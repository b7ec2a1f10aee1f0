"""Code Shield's rules as its package ships them, read without importing it.

Importing `codeshield` writes a link into site-packages and fails without the engine, so its rule files are
found through the import system and read as data. Its one regular expression that takes quadratic time
(ALL-R-009, private keys) is replaced by a broader linear one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import yaml

from llama3_tools.gate._lines import line_finder
from llama3_tools.gate._rules import RULES, found
from llama3_tools.gate._types import Finding, GateUnavailable

# Our rule, and the name it speaks of, for each rule of theirs.
OURS: dict[str, tuple[str, str]] = {
    "insecure-md5-hash-usage": ("crypto.weak", "hashlib.md5"),
    "insecure-sha1-hash-usage": ("crypto.weak", "hashlib.sha1"),
    "insecure-hash-function-usage": ("crypto.weak", "hashlib.new"),
    "unsafe-dill-use": ("deserialise.pickle", "dill.loads"),
    "unsafe-json-pickle-use": ("deserialise.pickle", "jsonpickle.decode"),
    "unsafe-pickle-use": ("deserialise.pickle", "pickle.loads"),
    "unsafe-yaml-use": ("deserialise.yaml", "yaml.load"),
    "insecure-eval-use": ("dynamic.eval", "eval"),
    "insecure-exec-use": ("dynamic.exec", "exec"),
    "insecure-os-popen-use": ("process.shell", "os.popen"),
    "insecure-os-system-use": ("process.shell", "os.system"),
    "cursor-execute-sqli": ("sql.string", ""),
    "insecure-subprocess-using-shell": ("process.shell", "subprocess"),
    **{f"ALL-R-{number:03}": ("secret.literal", "") for number in range(8, 16)},
}
_LINEAR = {"ALL-R-009": r"-{3}\s{0,20}\bBEGIN\b[^\n]{0,80}PRIVATE\s{1,5}KEY\b\s{0,20}-{3}"}
_PARENTHESIS = re.compile(r"(?<=\S)[^\S\n]+(?=[(.])")


@dataclass(frozen=True, slots=True)
class CodeShieldRules:
    """The Python rules of the `codeshield` profile: patterns by id, prescan patterns, semgrep's file."""

    patterns: dict[str, re.Pattern[str]]
    prescan: dict[str, re.Pattern[str]]
    semgrep: Path

    def scan(self, text: str, masked: str) -> list[Finding]:
        """Every match of every pattern.

        Args:
            text: the code.
            masked: the code with strings and comments blanked, character for character. Only secrets count in
            those.
        """
        line_of = line_finder(text)
        return [
            shield_finding(rule, line_of(match.start()))
            for rule, pattern in self.patterns.items()
            for match in pattern.finditer(text)
            if rule.startswith("ALL-") or masked[match.start()] == text[match.start()]
        ]

    def wanted(self, text: str) -> frozenset[str]:
        """The semgrep rules whose prescan asks for them; spaces before `(` and `.` do not hide a call."""
        dense = _PARENTHESIS.sub("", text)
        return frozenset(rule for rule, pattern in self.prescan.items() if pattern.search(dense))


def shield_finding(rule: str, line: int, description: str = "") -> Finding:
    """A finding of Code Shield's `rule` in our words; a rule we do not know is at least a warning."""
    ours, name = OURS.get(rule, ("codeshield.other", description or rule))
    worded = found(ours, line, name)
    return Finding(
        f"codeshield.{rule}", line, worded.cwe, worded.message, worded.advice, RULES[ours].decision
    )


def rules_folder() -> Path:
    """Where the installed `codeshield` keeps its rules.

    Raises:
        GateUnavailable: if the package is not installed.
    """
    spec = find_spec("codeshield")
    places = list(spec.submodule_search_locations or ()) if spec else []
    folders = [
        folder for place in places if (folder := Path(place, "insecure_code_detector", "rules")).is_dir()
    ]
    if not folders:
        raise GateUnavailable("the rules of `codeshield` are not installed; run `pip install codeshield`")
    return folders[0]


def rule_files(folder: Path) -> tuple[Path, ...]:
    """The files that `load` reads."""
    return (
        folder / "config.yaml",
        folder / "regex" / "python.yaml",
        folder / "regex" / "language_agnostic.yaml",
        folder / "semgrep" / "_generated_" / "python_codeshield.json",
    )


def load(folder: Path) -> CodeShieldRules:
    """Read the rules below `folder`.

    Raises:
        GateUnavailable: if a file is missing, does not parse, or holds no rules.
    """
    config, python, agnostic, semgrep = rule_files(folder)
    try:
        enabled = _enabled(yaml.safe_load(config.read_text(encoding="utf-8")))
        entries = [
            entry for path in (python, agnostic) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
        ]
        patterns = {
            name: re.compile(_LINEAR.get(name, entry["rule"]))
            for entry in entries
            if (name := entry["pattern_id"]) in enabled
        }
        rules = json.loads(semgrep.read_text(encoding="utf-8"))["rules"]
        prescan = {str(rule["id"]): re.compile(rule["metadata"]["prescan_regex"]) for rule in rules}
    except (OSError, ValueError, KeyError, TypeError, re.error, yaml.YAMLError) as error:
        raise GateUnavailable(
            f"the rules of `codeshield` in {str(folder)!r} cannot be read: {error}"
        ) from error
    if not patterns or not prescan:
        raise GateUnavailable(f"the rules of `codeshield` in {str(folder)!r} are empty")
    return CodeShieldRules(patterns, prescan, semgrep)


def _enabled(config: dict[str, dict[str, dict[str, dict[str, dict[str, list[str]]]]]]) -> set[str]:
    profile = config["config"]["codeshield"]
    return {
        rule for language in ("python", "language_agnostic") for rule in profile[language]["regex"]["rules"]
    }
