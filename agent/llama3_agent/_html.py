"""A run as a notebook shows it. Whatever models, tools and files say is text here, and never markup."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from ._run import Run
from ._text import printable, shorten
from ._tools import CODE_INTERPRETER

SHOWN = 4_000
"""Characters of one part; the run itself has them all."""
_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = {"allow": "#2a7d2a", "warn": "#a06a00", "block": "#b02020"}
_PRE = "margin:2px 0 6px 0;padding:6px;background:#8881;white-space:pre-wrap;overflow-wrap:anywhere"


def page(run: Run) -> str:
    """The last turn: question, code with what the gate said of it, results, plots, answer, account."""
    return f"<div style='font-family:sans-serif;max-width:60em'>{''.join(_parts(run))}</div>"


def _parts(run: Run) -> Iterator[str]:
    asked = [index for index, message in enumerate(run.messages) if isinstance(message, HumanMessage)]
    for one in run.compactions:
        yield f"<p><small style='color:#a06a00'>context: {_text(str(one))}</small></p>"
    for message in run.messages[asked[-1] :] if asked else ():
        yield from _message(message, run)
    for name, data in run.files.items():
        yield _file(name, data)
    if run.error:
        yield f"<p style='color:#b02020'>{_text(f'{run.finish_reason}: {run.error}')}</p>"
    usage = run.usage
    account = (
        f"{run.finish_reason} · {run.steps} steps · prompt {usage.prompt_tokens:,} tokens "
        f"({usage.cached_tokens:,} cached) · written {usage.generated_tokens:,} · {usage.seconds:.1f} s"
    )
    yield f"<p style='color:#888;font-size:85%'>{_text(account)}</p>"


def _message(message: BaseMessage, run: Run) -> Iterator[str]:
    if isinstance(message, ToolMessage):
        yield _pre(message.text)
        return
    if message.text:
        weight = "bold" if isinstance(message, HumanMessage) else "normal"
        yield f"<p style='font-weight:{weight};white-space:pre-wrap'>{_text(message.text)}</p>"
    if isinstance(message, AIMessage):
        for call in message.tool_calls:
            yield from _call(call["name"], call["args"], call["id"] or "", run)
        for bad in message.invalid_tool_calls:
            yield _pre(f"{bad['name'] or 'a call'}: {bad['error'] or 'cannot be read'}")


def _call(name: str, args: Mapping[str, Any], call_id: str, run: Run) -> Iterator[str]:
    code = name == CODE_INTERPRETER
    yield f"<small style='color:#888'>{_text(name)}</small>"
    yield _pre(str(args.get("code", "")) if code else json.dumps(args, ensure_ascii=False, default=str))
    if verdict := run.verdicts.get(call_id):
        colour = _COLOURS.get(verdict.decision, _COLOURS["block"])
        yield f"<small style='color:{colour}'>gate: {_text(verdict.decision)}</small>"
        for finding in verdict.findings:
            said = f"line {finding.line}: {finding.message} {finding.advice}"
            yield f"<br><small style='color:{colour}'>{_text(said)}</small>"


def _file(name: str, data: bytes) -> str:
    if data.startswith(_PNG):
        source = base64.b64encode(data).decode()
        return f"<img alt='{_text(name)}' style='max-width:100%' src='data:image/png;base64,{source}'>"
    return f"<p><small>file: {_text(name)} ({len(data):,} bytes)</small></p>"


def _pre(text: str) -> str:
    return f"<pre style='{_PRE}'>{_text(text)}</pre>"


def _text(text: str) -> str:
    return escape(printable(shorten(text, SHOWN)), quote=True)
