"""Our parser beside Meta's llama-models, smolagents and LangChain on the cases of `cases.toml`.

``python benchmarks/conformance/run.py`` installs the others into an environment of their own, asks each what
every case means, and prints the table of ``docs/conformance.md``; ``--write`` puts it there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llama3_prompts import parse

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "conformance.md"
MARK = "<!-- the rest is written by benchmarks/conformance/run.py --write -->"
OTHERS = {
    "llama-models": "llama-models==0.3.0",
    "smolagents": "smolagents==1.26.0",
    "langchain": "langchain-core==1.7.2",
}
OURS = "llama3-agent"


def weather(city: str, days: int = 1) -> str:
    """Tells the weather."""
    return f"{city} {days}"


def note(text: str, meta: dict[str, Any] | None = None) -> str:
    """Takes a note."""
    return f"{text} {meta}"


def mix(a: int, n: int) -> int:
    """Mixes two numbers."""
    return a + n


def ping() -> str:
    """Answers."""
    return "pong"


TOOLS = (weather, note, mix, ping)


@dataclass(frozen=True)
class Case:
    """One message and what it means."""

    name: str
    why: str
    text: str
    calls: list[list[Any]] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """ "call", "error" or "answer": what the message is for whoever acts on it."""
        return "call" if self.calls else "error" if self.invalid else "answer"

    def judge(self, answer: dict[str, Any]) -> str:
        """ "right", or how it is wrong: "wrong call", "missed" or "raised"."""
        calls = answer.get("calls", [])
        if calls == self.calls and (self.kind == "error" or "raised" not in answer):
            return "right"
        if "raised" in answer:
            return "raised"
        return "missed" if not calls else "wrong call"


def cases() -> list[Case]:
    """The published list."""
    found = tomllib.loads((HERE / "cases.toml").read_text(encoding="utf-8"))["case"]
    return [Case(**{**case, "calls": json.loads(case.get("calls", "[]"))}) for case in found]


def ours(case: Case) -> dict[str, Any]:
    """What our parser makes of a case."""
    message = parse(case.text, TOOLS)
    return {"calls": [[call["name"], call["args"]] for call in message.tool_calls]}


def install(folder: Path) -> Path:
    """An environment with the other parsers; its interpreter."""
    print(f"installing {', '.join(OTHERS.values())} ...", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *OTHERS.values()], check=True)
    return python


def theirs(python: Path, parser: str, listed: list[Case]) -> list[dict[str, Any]]:
    """What another parser makes of the cases."""
    asked = "\n".join(json.dumps(case.text) for case in listed)
    command = [python, HERE / "adapters.py", parser]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{parser} could not be run:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(listed: list[Case], verdicts: dict[str, list[str]]) -> str:
    """How many cases of each kind each parser gets right, and how it fails on the others."""
    kinds = {"answers": "answer", "calls": "call", "broken calls": "error"}
    counts = {title: sum(case.kind == kind for case in listed) for title, kind in kinds.items()}
    head = [f"{title} ({count})" for title, count in counts.items()]
    lines = [
        f"| parser | right of {len(listed)} | {' | '.join(head)} | wrong calls | missed | raised |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for parser, found in verdicts.items():
        right = [
            sum(v == "right" and case.kind == kind for case, v in zip(listed, found, strict=True))
            for kind in kinds.values()
        ]
        wrong = [found.count(name) for name in ("wrong call", "missed", "raised")]
        lines.append(f"| {parser} | {' | '.join(map(str, [sum(right), *right, *wrong]))} |")
    return "\n".join(lines)


def details(listed: list[Case], verdicts: dict[str, list[str]]) -> str:
    """Every case, why it is there, and who gets it right."""
    lines = [f"| case | why | {' | '.join(verdicts)} |", "|---|---|" + "---|" * len(verdicts)]
    for at, case in enumerate(listed):
        found = ["yes" if verdict[at] == "right" else verdict[at] for verdict in verdicts.values()]
        lines.append(f"| {case.name} | {case.why} | {' | '.join(found)} |")
    return "\n".join(lines)


def main() -> None:
    """Compare, print, and perhaps write."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--write", action="store_true", help="put the tables into docs/conformance.md")
    options.add_argument("--python", type=Path, help="an interpreter that has the others installed already")
    arguments = options.parse_args()
    listed = cases()
    verdicts = {OURS: [case.judge(ours(case)) for case in listed]}
    with tempfile.TemporaryDirectory() as folder:
        python = arguments.python or install(Path(folder))
        for parser, package in OTHERS.items():
            answers = theirs(python, parser, listed)
            verdicts[package.replace("==", " ")] = [c.judge(a) for c, a in zip(listed, answers, strict=True)]
    table = summary(listed, verdicts)
    print(table)
    if arguments.write:
        page, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
        PAGE.write_text(f"{page}{MARK}\n\n{table}\n\n{details(listed, verdicts)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
