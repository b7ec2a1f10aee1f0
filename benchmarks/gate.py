"""What the gate catches and lets pass, beside Code Shield in the same run, and what a scan costs.

The snippets are in ``benchmarks/gate``: insecure ones by class of threat, ordinary programs by kind. Code
Shield takes part twice: as its package runs, and its rules under an invocation with which the installed
semgrep scans at all. ``--ours`` leaves it out.
"""

import argparse
import asyncio
import contextlib
import logging
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

from llama3_tools.gate import CodeGate, Decision
from llama3_tools.gate._codeshield import load, rules_folder
from llama3_tools.gate._engine import find_binary, run_semgrep

FOLDER = Path(__file__).with_name("gate")
ORDER: list[Decision] = ["allow", "warn", "block"]
LONG = 200
WRITING = 1.5

Scan = Callable[[str], Decision]


def snippets(kind: str) -> dict[str, list[str]]:
    """Snippets by class or kind."""
    found: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob(f"{kind}_*.toml")):
        for name, texts in tomllib.loads(path.read_text(encoding="utf-8")).items():
            found.setdefault(name, []).extend(texts)
    return found


def cells(snippet: str) -> list[str]:
    """The cells of a snippet, in order."""
    return snippet.split("# %%\n")


def ours(gate: CodeGate) -> Scan:
    """The gate; cells of one snippet share a session."""
    return lambda snippet: max(
        (gate.scan(cell, session=snippet).decision for cell in cells(snippet)), key=ORDER.index
    )


def rules_only() -> Scan:
    """Code Shield's rules, invoked so that semgrep scans."""
    rules, binary = load(rules_folder()), find_binary()

    def scan(snippet: str) -> Decision:
        for cell in cells(snippet):
            if any(pattern.search(cell) for pattern in rules.patterns.values()):
                return "warn"
            if rules.wanted(cell) and run_semgrep(cell, binary=binary, rules=rules.semgrep, time_limit=60):
                return "warn"
        return "allow"

    return scan


@contextlib.contextmanager
def package() -> Iterator[Scan]:
    """Code Shield's package as it is; what it leaves behind is removed."""
    link = find_binary().with_name("osemgrep")
    had_link = link.is_symlink()
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        from codeshield.cs import CodeShield
        from codeshield.insecure_code_detector.languages import Language

        logging.disable(logging.CRITICAL)

        def scan(snippet: str) -> Decision:
            results = (asyncio.run(CodeShield.scan_code(cell, Language.PYTHON)) for cell in cells(snippet))
            treatments = [str(result.recommended_treatment.value) for result in results]
            return "block" if "block" in treatments else "warn" if "warn" in treatments else "allow"

        yield scan
        tempfile.tempdir = None
        logging.disable(logging.NOTSET)
    if link.is_symlink() and not had_link:
        link.unlink()


def compare(contestants: dict[str, Scan]) -> None:
    """One line a class: how many each contestant found, and how many it blocked."""
    for kind in ("insecure", "benign"):
        print(f"\n| {kind} | snippets |" + "".join(f" {name} |" for name in contestants))
        print("|---|---:|" + "---:|" * len(contestants))
        totals = {name: [0, 0] for name in contestants}
        for label, texts in snippets(kind).items():
            shown = []
            for name, scan in contestants.items():
                decisions = [scan(text) for text in texts]
                counts = [len(texts) - decisions.count("allow"), decisions.count("block")]
                totals[name] = [total + count for total, count in zip(totals[name], counts, strict=True)]
                shown.append(f" {counts[0]} ({counts[1]}) |")
            print(f"| {label} | {len(texts)} |" + "".join(shown))
        count = sum(map(len, snippets(kind).values()))
        rates = [f" {total} = {total / count:.1%} ({blocked}) |" for total, blocked in totals.values()]
        print(f"| all | {count} |" + "".join(rates))


def milliseconds(texts: list[str], scan: Callable[[str], object]) -> list[float]:
    """What each text costs."""
    spent = []
    for text in texts:
        start = time.perf_counter()
        scan(text)
        spent.append((time.perf_counter() - start) * 1000)
    return sorted(spent)


def show(name: str, spent: list[float]) -> None:
    """One line of the latency table."""
    ninth = quantiles(spent, n=10)[-1] if len(spent) > 1 else spent[0]
    print(f"| {name} | {len(spent)} | {median(spent):.2f} | {ninth:.2f} | {spent[-1]:.1f} |")


def latency() -> None:
    """What a scan costs: ordinary programs, all snippets, a second time, long code, the first of all."""
    print("\n| ms a scan | scans | median | 90 % | worst |\n|---|---:|---:|---:|---:|")
    gate = CodeGate(time_limit=60)
    show("the first, with the proof that all layers live", milliseconds(["x = 1"], gate.scan))
    ahead = CodeGate(time_limit=60)
    ahead.prepare()
    time.sleep(WRITING)
    show(f"the first, when code took {WRITING} s to write", milliseconds(["x = 1"], ahead.scan))
    benign = [text for texts in snippets("benign").values() for text in texts]
    insecure = [text for texts in snippets("insecure").values() for text in texts]
    layers = {text: gate.scan(text, session=text).layers for text in [*benign, *insecure]}

    def fresh() -> Callable[[str], object]:
        gate = CodeGate(time_limit=60)
        gate.check()
        return lambda text: gate.scan(text, session=text)

    quick = [text for text in insecure if "codeshield-semgrep" not in layers[text]]
    slow = [text for text in layers if "codeshield-semgrep" in layers[text]]
    show("ordinary programs", milliseconds(benign, fresh()))
    show("insecure snippets that semgrep need not see", milliseconds(quick, fresh()))
    show("snippets that semgrep sees", milliseconds(slow, fresh()))
    again = fresh()
    milliseconds(benign, again)
    show("ordinary programs, a second time", milliseconds(benign, again))
    long = "\n".join(benign[:LONG]).replace("%", "")
    show(f"{LONG} ordinary programs as one text", milliseconds([long], fresh()))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", action="store_true", help="leave Code Shield out")
    parser.add_argument("--latency", action="store_true", help="print the latency table only")
    options = parser.parse_args()
    if options.latency:
        return latency()
    gate = CodeGate(time_limit=60)
    contestants = {"the gate": ours(gate)}
    print(f"found (blocked); codeshield {version('codeshield')}, semgrep {version('semgrep')}")
    if options.ours:
        compare(contestants)
    else:
        with package() as scan:
            compare({**contestants, "Code Shield": scan, "its rules, invoked rightly": rules_only()})
    latency()
    return None


if __name__ == "__main__":
    main()
