"""Asking the person at the terminal whether a call may run, or what a guard objects to may pass."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._text import one_line, printable
from .._tools import CODE_INTERPRETER

if TYPE_CHECKING:
    from .._approval import Decision
    from .._run import Run
    from ..events import ToolCall
    from ._show import Screen

QUESTION = "run this? y(es), n(o), e(dit): "
WHY_NOT = "why not? (the model reads it; may be empty) "
PASS = "let it pass? y(es), n(o): "
_MEANT = {"input": "your question", "call": "a call", "tool": "what a tool gave", "output": "the answer"}


def waits(run: Run) -> bool:
    """Whether a person has to decide before the run goes on."""
    return bool(run.waiting or run.guards.asking)


def answer_for(run: Run, screen: Screen) -> Decision:
    """What the person says of all that waits, for `Agent.resume`."""
    return _decisions(run, screen) if run.waiting else _consent(run, screen)


def _consent(run: Run, screen: Screen) -> bool:
    """Show what guards object to, and take an answer for all of it; no answer is a no."""
    for verdict in run.guards.asking:
        screen.line(f"── a guard objects to {_MEANT[verdict.place]}: {one_line(verdict.reason)} ──")
    while True:
        match (_line(PASS) or "no").lower():
            case "y" | "yes":
                return True
            case "n" | "no":
                return False


def _decisions(run: Run, screen: Screen) -> dict[str, Decision]:
    """Show each call that waits, with what the gate found, and take an answer for it; no answer is a no."""
    return {call.id: _decision(call, run, screen) for call in run.waiting}


def _decision(call: ToolCall, run: Run, screen: Screen) -> Decision:
    screen.line(f"── {one_line(call.name)} waits for your decision ──")
    screen.line(printable(_text(call)))
    if verdict := run.verdicts.get(call.id):
        screen.verdict(verdict)
    while True:
        match (_line(QUESTION) or "no").lower():
            case "y" | "yes":
                return True
            case "n" | "no":
                return _line(WHY_NOT) or False
            case "e" | "edit":
                if (args := _edited(call, screen)) is not None:
                    return args


def _text(call: ToolCall) -> str:
    if call.name == CODE_INTERPRETER:
        return str(call.args.get("code", ""))
    return json.dumps(call.args, indent=2, ensure_ascii=False)


def _edited(call: ToolCall, screen: Screen) -> Mapping[str, Any] | None:
    """The arguments as they are after editing; None when they cannot be read, or nothing was saved."""
    text = _edit(_text(call))
    if text is None:
        screen.line("nothing was changed")
        return None
    if call.name == CODE_INTERPRETER:
        return {"code": text}
    try:
        args = json.loads(text)
    except ValueError as error:
        screen.line(f"this is no JSON ({error}); try again")
        return None
    if isinstance(args, dict):
        return args
    screen.line("this is no JSON object; try again")
    return None


def _edit(text: str) -> str | None:
    """In the user's editor; without a terminal, the lines that follow up to one with a full stop alone."""
    if sys.stdin.isatty():
        import click

        saved = click.edit(text, extension=".py")
        return None if saved is None else saved.rstrip("\n")
    lines = []
    while (line := _line("", strip=False)) is not None and line != ".":
        lines.append(line)
    return "\n".join(lines)


def _line(prompt: str, *, strip: bool = True) -> str | None:
    try:
        line = input(prompt)
    except EOFError:
        return None
    return line.strip() if strip else line
