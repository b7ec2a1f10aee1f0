"""`CodeGate`: reads code before it runs, and says no whenever it cannot tell."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from llama3_tools.gate import _codeshield, _engine, _fragments, _prescan, _text
from llama3_tools.gate._cell import Cell
from llama3_tools.gate._checks import CHECKS
from llama3_tools.gate._guard import guarded_function, guarded_tool
from llama3_tools.gate._policy import Policy
from llama3_tools.gate._resolve import TooComplexError, narrowed
from llama3_tools.gate._rules import found, threat
from llama3_tools.gate._syntax import scan_tree
from llama3_tools.gate._types import SEVERITY, CodeBlocked, Decision, Finding, GateUnavailable, Verdict
from llama3_tools.gate._values import Values
from llama3_tools.gate._watch import Watch

Tool = TypeVar("Tool", bound=Any)

_CACHED = 512
_MOST_NAMES = 5000
_MOST_FINDINGS = 100
_LONG = 20_000
# Each layer with code that it must object to, and the rule it must name.
_CANARIES = (
    ("text", "# -*- coding: utf-7 -*-\n", "text.encoding"),
    ("syntax", "from os import system as s\ns('true')\n", "process.shell"),
    ("fragments", "x = = 1\nos.system('true')\n", "process.shell"),
    ("codeshield-regex", "hashlib.md5(b'')\n", "codeshield.insecure-md5-hash-usage"),
)


@dataclass(frozen=True, slots=True)
class _Machinery:
    """What a scan needs from disk, with the stamp of the files that proved to work."""

    binary: Path
    rules: _codeshield.CodeShieldRules
    files: tuple[Path, ...]
    stamp: tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class _Session:
    """What the earlier cells of a session bound; `revision` counts its changes."""

    names: dict[str, Values] = field(default_factory=dict)
    revision: int = 0

    def learn(self, bound: Mapping[str, Values]) -> None:
        for name, values in bound.items():
            known = self.names.get(name, frozenset())
            if not values <= known:
                self.names[name] = narrowed(known | values)
                self.revision += self.names[name] != known
        if len(self.names) > _MOST_NAMES:
            raise TooComplexError


class CodeGate:
    """Scans code: Code Shield's rules, and layers of our own on the text and on the syntax tree.

    The layers that ran are named in `Verdict.layers`: `text`, `syntax` (or `fragments` for text that is not
    Python), `codeshield-regex`, and `codeshield-semgrep`, which only starts where Code Shield's own prescan
    asks for it and one of its rules could match (in long code: unless that is blocked already). Before the
    first scan, and again whenever one of the files involved changes, each layer must catch a canary; until it
    does, every verdict is "block". A gate may be used from several threads.

    Args:
        policy: "standard", "strict", or a `Policy`.
        time_limit: seconds given to one run of semgrep.
        semgrep: `semgrep-core`; found in the environment by default.
        rules: Code Shield's folder `rules`; the installed package's by default.
    """

    def __init__(
        self,
        *,
        policy: str | Policy = "standard",
        time_limit: float = 10.0,
        semgrep: str | Path | None = None,
        rules: str | Path | None = None,
    ) -> None:
        self._policy = Policy.named(policy) if isinstance(policy, str) else policy
        self._time_limit = time_limit
        self._semgrep = None if semgrep is None else Path(semgrep)
        self._rules = None if rules is None else Path(rules)
        self._machinery: _Machinery | None = None
        self._sessions: dict[str, _Session] = {}
        self._cache: OrderedDict[tuple[str, str, int], Verdict] = OrderedDict()
        self._seen: OrderedDict[str, list[Finding]] = OrderedDict()
        self._lock = threading.RLock()
        self._preparing = threading.Lock()
        self._proof: threading.Thread | None = None
        self._closed = False

    def scan(self, code: str, *, session: str = "default") -> Verdict:
        """The verdict on exactly this text. Never raises for any text, and never allows what it could not
        check.

        Args:
            code: what will run, to the character.
            session: cells of one session share the interpreter's names, so the gate carries them from cell to
            cell.
        """
        start = time.perf_counter()
        try:
            data = code.encode("utf-8")
        except (UnicodeEncodeError, AttributeError):
            return _refusal(found("gate.text", 0), "", start)
        digest = hashlib.sha256(data).hexdigest()
        if len(data) > self._policy.max_bytes:
            return _refusal(found("gate.size", 0, str(self._policy.max_bytes)), digest, start)
        try:
            with self._lock:
                return self._scan(code, digest, session, start)
        except GateUnavailable as error:
            return _refusal(found("gate.unavailable", 0, str(error)), digest, start)
        except (RecursionError, MemoryError, TooComplexError):
            return _refusal(found("gate.complex", 0), digest, start)
        except Exception as error:  # noqa: BLE001 - a fault of our own must mean no, never a crash of the agent
            return _refusal(found("gate.unavailable", 0, f"the gate failed with {error!r}"), digest, start)

    async def ascan(self, code: str, *, session: str = "default") -> Verdict:
        """`scan` without holding up the event loop."""
        return await asyncio.to_thread(self.scan, code, session=session)

    def check(self) -> tuple[str, ...]:
        """Prove every layer alive with its canary; the names of the layers.

        Raises:
            GateUnavailable: if one is missing or blind.
        """
        with self._lock:
            self._machinery = None
            self._ready()
        return (*(layer for layer, _, _ in _CANARIES), "codeshield-semgrep")

    def guard(self, tool: Tool, argument: str = "code") -> Tool:
        """`tool`, which from now on runs only if the gate does not block what it is given as `argument`.

        Args:
            tool: a function, sync or async, or a LangChain tool made of functions, as MCP adapters make them.
            argument: the name of the argument that holds Python code.

        Raises:
            ValueError: if it has no such argument.
        """
        session = f"tool {getattr(tool, 'name', getattr(tool, '__name__', tool))}"

        def check(code: object) -> None:
            verdict = self.scan(code, session=session)  # type: ignore[arg-type] # what is no text is blocked
            if verdict.decision == "block":
                raise CodeBlocked(verdict)

        wrap: Callable[..., Any] = guarded_tool if hasattr(tool, "args_schema") else guarded_function
        return cast("Tool", wrap(tool, argument, check))

    def watch(self, *, session: str = "default") -> Watch:
        """Something to feed code to while it is being written; proves the gate in the meantime."""
        self.prepare()
        return Watch(lambda code: self._early(code, session))

    def prepare(self) -> None:
        """Prove the gate in a thread of its own, unless that has been done or is under way."""
        # No lock: whoever is about to write code does not wait for a proof under way.
        if (
            self._closed
            or self._machinery is not None
            or (self._proof is not None and self._proof.is_alive())
        ):
            return
        self._proof = threading.Thread(target=self._prove, name="gate", daemon=True)
        self._proof.start()

    def forget(self, session: str = "default") -> None:
        """Drop the names of a session, after its interpreter was restarted."""
        with self._lock:
            self._sessions.pop(session, None)
            self._cache = OrderedDict((key, value) for key, value in self._cache.items() if key[1] != session)

    def close(self) -> None:
        """Let go of everything. A closed gate blocks."""
        with self._preparing:
            self._closed = True
        with self._lock:
            self._machinery = None
            self._sessions.clear()
            self._cache.clear()
            self._seen.clear()
        if self._proof is not None:
            self._proof.join()

    def _prove(self) -> None:
        with contextlib.suppress(Exception), self._lock:  # the scan that follows says what is wrong
            self._ready()

    def _early(self, code: str, session: str) -> Verdict | None:
        """What the quick layers block in `code`. Nothing is learnt from it."""
        start = time.perf_counter()
        if len(code) > self._policy.max_bytes:
            return None
        try:
            # No lock: whoever writes the code does not wait for a scan, and names are only read.
            known = self._sessions.get(session)
            cell = Cell(ast.parse(code), known.names if known else {})
            kept = self._decided([*_text.scan_text(code), *scan_tree(cell, CHECKS)])
        except Exception:  # noqa: BLE001 - an early look that fails says nothing; the scan that follows decides
            return None
        if _worst(kept) != "block":
            return None
        digest = hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
        return Verdict("block", kept, ("text", "syntax"), time.perf_counter() - start, digest)

    def _decided(self, findings: list[Finding]) -> tuple[Finding, ...]:
        return tuple(decided for finding in _merged(findings) if (decided := self._policy.apply(finding)))

    def _scan(self, code: str, digest: str, session: str, start: float) -> Verdict:
        machinery = self._ready()
        state = self._sessions.setdefault(session, _Session())
        cached = self._cache.get((digest, session, state.revision))
        if cached is not None:
            return Verdict(cached.decision, cached.findings, cached.layers, 0.0, digest)
        findings, layers = self._run_layers(code, machinery, state)
        kept = self._decided(findings)
        verdict = Verdict(_worst(kept), kept[:_MOST_FINDINGS], layers, time.perf_counter() - start, digest)
        self._cache[digest, session, state.revision] = verdict
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return verdict

    def _run_layers(
        self, code: str, machinery: _Machinery, state: _Session
    ) -> tuple[list[Finding], tuple[str, ...]]:
        findings = [*_text.scan_text(code), *machinery.rules.scan(code, _fragments.masked(code))]
        layers = ["text", "codeshield-regex"]
        wanted = machinery.rules.wanted(code)
        tree = _fragments.parse(code)
        if tree is not None:
            cell = Cell(tree, state.names)
            findings += scan_tree(cell, CHECKS)
            state.learn(cell.resolve.bound)
            layers.append("syntax")
            may_match = bool(wanted) and _prescan.may_match(cell, wanted)
        else:
            findings += _scan_fragments(code, state.names)
            layers.append("fragments")
            may_match = bool(wanted)
        if may_match and not self._is_settled(code, findings):
            findings += self._semgrep_findings(code, machinery)
            layers.append("codeshield-semgrep")
        return findings, tuple(layers)

    def _semgrep_findings(self, code: str, machinery: _Machinery) -> list[Finding]:
        """Semgrep's findings; they depend on the text alone, so that one run serves every session."""
        known = self._seen.get(code)
        if known is None:
            known = _engine.run_semgrep(
                code, binary=machinery.binary, rules=machinery.rules.semgrep, time_limit=self._time_limit
            )
            self._seen[code] = known
            while len(self._seen) > _CACHED:
                self._seen.popitem(last=False)
        return known

    def _is_settled(self, code: str, findings: list[Finding]) -> bool:
        """Whether long code is blocked already: semgrep, slow on it, could not change that."""
        decided = (self._policy.apply(finding) for finding in findings)
        return len(code) > _LONG and any(finding and finding.decision == "block" for finding in decided)

    def _ready(self) -> _Machinery:
        if self._closed:
            raise GateUnavailable("this gate is closed; make a new CodeGate")
        known = self._machinery
        if known is None or _stamp(known.files) != known.stamp:
            self._machinery = None
            self._cache.clear()
            self._seen.clear()
            self._machinery = self._proven()
        assert self._machinery is not None
        return self._machinery

    def _proven(self) -> _Machinery:
        binary = self._semgrep or _engine.find_binary()
        folder = self._rules or _codeshield.rules_folder()
        files = (binary, *_codeshield.rule_files(folder))
        stamp = _stamp(files)
        rules = _codeshield.load(folder)
        for layer, canary, rule in _CANARIES:
            if rule not in {finding.rule for finding in _canary_findings(layer, canary, rules)}:
                raise GateUnavailable(f"the layer {layer!r} missed its canary")
        cell = Cell(ast.parse(_engine.CANARY), {})
        if not _prescan.may_match(cell, rules.wanted(_engine.CANARY) & {_engine.CANARY_RULE}):
            raise GateUnavailable("the prescan of `codeshield` missed its canary")
        _engine.run_semgrep("", binary=binary, rules=rules.semgrep, time_limit=self._time_limit)
        return _Machinery(binary, rules, files, stamp)


def _canary_findings(layer: str, code: str, rules: _codeshield.CodeShieldRules) -> list[Finding]:
    if layer == "text":
        return list(_text.scan_text(code))
    if layer == "syntax":
        return scan_tree(Cell(ast.parse(code), {}), CHECKS)
    if layer == "fragments":
        return list(_fragments.scan_spelling(code))
    return rules.scan(code, _fragments.masked(code))


def _scan_fragments(code: str, carried: Mapping[str, Values]) -> list[Finding]:
    magics = _text.scan_magics(code)
    rest = _text.without_magics(code) if magics else code
    tree = _fragments.parse(rest) or _fragments.salvage(rest)
    return [*magics, *scan_tree(Cell(tree, carried), CHECKS), *_fragments.scan_spelling(rest)]


def _stamp(files: tuple[Path, ...]) -> tuple[tuple[int, int, int], ...]:
    try:
        status = [path.stat() for path in files]
    except OSError as error:
        raise GateUnavailable(
            f"{error.filename!r} is missing or unreadable; reinstall codeshield and semgrep"
        ) from error
    return tuple((entry.st_ino, entry.st_size, entry.st_mtime_ns) for entry in status)


def _merged(findings: list[Finding]) -> list[Finding]:
    """One finding a line and rule, by line; Code Shield's own where no layer of ours saw it."""
    ours = {
        (finding.line, threat(finding.rule)) for finding in findings if threat(finding.rule) != "codeshield"
    }
    merged: dict[tuple[int, str], Finding] = {}
    for finding in sorted(findings, key=lambda finding: finding.line):
        shield = finding.rule.removeprefix("codeshield.")
        known = _codeshield.OURS.get(shield) if shield != finding.rule else None
        if known and (finding.line, threat(known[0])) in ours:
            continue
        merged.setdefault((finding.line, finding.rule), finding)
    return list(merged.values())


def _worst(findings: tuple[Finding, ...]) -> Decision:
    return max((finding.decision for finding in findings), key=SEVERITY.__getitem__, default="allow")


def _refusal(finding: Finding, digest: str, start: float) -> Verdict:
    return Verdict("block", (finding,), (), time.perf_counter() - start, digest)
