"""From the model's code to the sandbox: through the gate, by one door."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from llama3_tools import CodeGate, Execution, Finding, GateUnavailable, Sandbox, SandboxError, Verdict

from .errors import CodeRefused

if TYPE_CHECKING:
    from llama3_tools import Result


MOST_BYTES = 100_000_000
"""Files that are brought out of the sandbox, for one run in all."""


class CodeRunner:
    """The only way to the executor: exactly the text that the gate has passed.

    Args:
        gate: The gate to ask, or None to start one when the first code comes.
    """

    def __init__(self, gate: CodeGate | None = None) -> None:
        self._gate = gate
        self._owned = gate is None
        self._lock = threading.Lock()

    def scan(self, code: str, *, session: str = "default") -> Verdict:
        """Ask the gate. The verdict carries the hash of the text it is about; no gate means no.

        Args:
            code: Exactly what would run.
            session: Whose earlier code has bound the names that this code uses.
        """
        try:
            return self._ready_gate().scan(code, session=session)
        except GateUnavailable as error:
            advice = "Run `llama3-agent doctor` to see what is missing."
            finding = Finding("gate.unavailable", 0, "", f"{error}.", advice, "block")
            return Verdict("block", (finding,), (), 0.0, "")

    def prepare(self) -> None:
        """Code is about to come: have the gate prove itself meanwhile, which takes longer than to scan."""
        with suppress(GateUnavailable):  # the scan that follows says so
            self._ready_gate().prepare()

    def run(self, code: str, verdict: Verdict, sandbox: Sandbox, *, timeout: float) -> Execution:
        """Run code that has a passing verdict.

        Raises:
            CodeRefused: the verdict is no pass, or is about another text.
            SandboxError: the sandbox itself failed.
        """
        if verdict.decision not in ("allow", "warn"):
            raise CodeRefused("the gate has not passed this code; nothing was run")
        if verdict.sha256 != hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest():
            raise CodeRefused("this is not the code that the gate looked at; nothing was run")
        return sandbox.run_code(code, timeout=timeout)

    def forget(self, session: str) -> None:
        """The session's variables are gone, and with them the names that the gate remembers."""
        with self._lock:
            if self._gate is not None:
                self._gate.forget(session)

    def _ready_gate(self) -> CodeGate:
        with self._lock:
            if self._gate is None:
                self._gate = CodeGate()
            return self._gate

    def close(self) -> None:
        """End the gate, when it was started here."""
        with self._lock:
            if self._owned and self._gate is not None:
                self._gate.close()
                self._gate = None


@dataclass(slots=True)
class Harvest:
    """What the code of one run displayed and left behind, and what the gate said of it."""

    results: list[Result] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def gather(self, execution: Execution, sandbox: Sandbox, *, plots: int) -> tuple[list[str], list[str]]:
        """Take figures and new files out of an execution.

        Args:
            execution: What the sandbox returned.
            sandbox: Where its files are.
            plots: Figures numbered so far in the thread.

        Returns:
            The names of the plots and of the other files.
        """
        self.results += execution.results
        figures = [image for result in execution.results if result.png and (image := _decoded(result.png))]
        names = [f"plot-{plots + number}.png" for number in range(1, len(figures) + 1)]
        self.files.update(zip(names, figures, strict=True))
        sizes = {file.name: file.size for file in sandbox.list_files()} if execution.files else {}
        for name in execution.files:
            self._fetch(name, sizes.get(name, 0), sandbox)
        return names, list(execution.files)

    def _fetch(self, name: str, size: int, sandbox: Sandbox) -> None:
        if size + sum(map(len, self.files.values())) > MOST_BYTES:
            self.left_out[name] = (
                f"{size / 1e6:,.0f} MB is too much to bring out ({MOST_BYTES / 1e6:,.0f} MB a run)"
            )
            return
        try:
            self.files[name] = sandbox.download(name)
        except SandboxError as error:
            self.left_out[name] = str(error)


def verdict_state(verdict: Verdict) -> dict[str, Any]:
    """The verdict as plain values, for a checkpoint."""
    return asdict(verdict)


def verdict_from(state: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdict_state` described."""
    findings = tuple(Finding(**finding) for finding in state["findings"])
    return Verdict(**{**state, "findings": findings, "layers": tuple(state["layers"])})


def _decoded(png: str) -> bytes:
    # The worker's replies are forgeable by the code it runs: bad base64 is no figure, and no reason to stop.
    try:
        data = base64.b64decode(png, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if data.startswith(b"\x89PNG\r\n\x1a\n") else b""
