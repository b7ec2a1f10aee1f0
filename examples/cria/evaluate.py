"""Ask a model the hand-written questions, through the whole program, and count what comes out right.

    python examples/cria/evaluate.py --set dev --misses misses.jsonl
    python examples/cria/evaluate.py --set test --model path/to/folder --kind csv --limit 10

Nothing is stood in for but the web search and the functions that the questions describe: the engine, the
parser, the gate and the sandbox are the program's own.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaluation.cases import Case, load_cases
from evaluation.report import table, write_misses
from evaluation.runner import CaseScore, run_case

from llama3_agent import Agent, Llama
from llama3_tools import CodeGate

HERE = Path(__file__).resolve().parent / "eval"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation; the exit code is 0 when it ran to its end, whatever the score."""
    options = _parser().parse_args(argv)
    cases = chosen(load_cases(HERE / f"{options.set}.jsonl"), kinds=options.kind, limit=options.limit)
    if not cases:
        print("no case is of that kind", file=sys.stderr)
        return 2
    scores = ask_all(cases, options.model)
    print(table(scores))
    if options.misses is not None:
        print(f"{write_misses(options.misses, scores)} misses written to {options.misses}")
    return 0


def chosen(cases: Sequence[Case], *, kinds: Sequence[str] | None, limit: int | None) -> list[Case]:
    """The cases of some kinds, the first `limit` of each kind."""
    wanted = [case for case in cases if not kinds or case.kind in kinds]
    counts: dict[str, int] = {}
    kept = []
    for case in wanted:
        counts[case.kind] = counts.get(case.kind, 0) + 1
        if limit is None or counts[case.kind] <= limit:
            kept.append(case)
    return kept


def ask_all(cases: Sequence[Case], model: str) -> list[CaseScore]:
    """Run the cases one after the other and show how each went."""
    llama, gate = Llama(model), CodeGate()

    def make_agent(tools: Sequence[Any]) -> Agent:
        return Agent(llama, tools, sandbox="local", gate=gate)

    scores = []
    for number, case in enumerate(cases, 1):
        began = time.perf_counter()
        scores.append(run_case(case, make_agent, HERE / "files"))
        _show(number, len(cases), scores[-1], time.perf_counter() - began)
    gate.close()
    return scores


def _show(number: int, total: int, score: CaseScore, seconds: float) -> None:
    mark = "right" if score.right else "WRONG"
    why = "" if score.right else f"  {'; '.join(score.turns[-1].complaints)[:160]}"
    print(f"[{number:3}/{total}] {mark} {score.case.id} ({seconds:.1f} s){why}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="cria", help="cria, a Hugging Face id or a folder (default: cria)")
    parser.add_argument(
        "--set", choices=("dev", "dev2", "test"), default="dev", help="which questions (default: dev)"
    )
    parser.add_argument("--kind", action="append", help="only this kind of case; may be given again")
    parser.add_argument("--limit", type=int, help="at most so many cases of each kind")
    parser.add_argument(
        "--misses", type=Path, help="write what went wrong, with transcripts, to this JSONL file"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
