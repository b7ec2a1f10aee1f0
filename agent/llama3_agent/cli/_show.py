"""Showing a run on a terminal: what the model writes, what the gate says, what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from .._run import Run
from .._text import one_line, printable, shorten
from ..events import (
    CodeScan,
    ContextCompacted,
    Event,
    GuardVerdict,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)

if TYPE_CHECKING:
    from llama3_tools import Verdict

SHOWN = 2_000
"""Characters of a result shown to people; the model reads more."""

_DIM, _BOLD, _RED, _YELLOW, _GREEN, _CYAN, _PLAIN = 2, 1, 31, 33, 32, 36, 0


class Screen:
    """Writes events to a stream; colours only on a terminal, and nothing that could control it.

    Args:
        progress: Where code, verdicts and results go.
        answer: Where the text of the model goes as it comes; None to leave it out.
    """

    def __init__(self, progress: TextIO, answer: TextIO | None = None) -> None:
        self._progress = progress
        self._answer = answer
        self._colours = progress.isatty()
        self._open_line = False

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case TextDelta(text=text) if self._answer:
                self._write(self._answer, printable(text))
            case ToolCallDelta(name=name, args_delta=args):
                self._delta(name, args)
            case ToolCall():
                self._end_line()
            case CodeScan():
                self.verdict(event.verdict)
            case GuardVerdict() if event.action != "pass":
                self._guard(event)
            case ToolResult():
                self._result(event)
            case ContextCompacted():
                self.line(f"context: {event}", _YELLOW)

    def finish(self, run: Run, saved: Sequence[Path]) -> None:
        """Show what was saved, and why there is no answer, if there is none."""
        self._end_line()
        for path in saved:
            self.line(f"saved {printable(str(path))}", _GREEN)
        for name, reason in run.files.left_out.items():
            self.line(f"not saved: {one_line(name)}: {one_line(reason)}", _YELLOW)
        if run.error:
            self.line(f"{run.finish_reason}: {one_line(run.error)}", _RED)

    def line(self, text: str, colour: int = _PLAIN) -> None:
        """Write a line of our own."""
        self._end_line()
        print(self._paint(text, colour), file=self._progress, flush=True)

    def _delta(self, name: str | None, args: str) -> None:
        if name is not None:
            self.line(f"── {one_line(name)} ──", _CYAN)
        if args:
            self._write(self._progress, printable(args))

    def verdict(self, verdict: Verdict) -> None:
        """Show what the gate says, finding by finding."""
        colour = {"allow": _GREEN, "warn": _YELLOW}.get(verdict.decision, _RED)
        word = {"allow": "passed", "warn": "passed with a warning"}.get(verdict.decision, "BLOCKED, not run")
        self.line(f"gate: {word} ({verdict.seconds:.1f} s)", colour)
        for finding in verdict.findings:
            cwe = f" [{finding.cwe}]" if finding.cwe else ""
            self.line(
                f"  line {finding.line}: {one_line(finding.message)} {one_line(finding.advice)}{cwe}", colour
            )

    def _guard(self, verdict: GuardVerdict) -> None:
        """Say what a guard has found, unless it is nothing."""
        word, colour = {"warn": ("a warning", _YELLOW), "ask": ("asks", _YELLOW)}.get(
            verdict.action, ("BLOCKED", _RED)
        )
        self.line(f"guard at {verdict.place}: {word}: {one_line(verdict.reason)}", colour)

    def _result(self, event: ToolResult) -> None:
        self.line(f"── result of {one_line(event.name)} ──", _CYAN)
        self.line(shorten(printable(event.content), SHOWN), _PLAIN if event.ok else _YELLOW)

    def _write(self, stream: TextIO, text: str) -> None:
        stream.write(text)
        stream.flush()
        self._open_line = not text.endswith("\n") if text else self._open_line

    def _end_line(self) -> None:
        if self._open_line:
            self._open_line = False
            print(file=self._progress, flush=True)

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours and colour else text


def terminal() -> Screen:
    """A screen for a conversation: everything on stdout."""
    return Screen(sys.stdout, sys.stdout)
