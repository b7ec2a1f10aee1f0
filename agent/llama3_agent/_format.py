"""What the model reads about a call: one place, because models are trained on these exact words."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from llama3_prompts import CodeStatus, code_output

from ._text import printable, shorten

if TYPE_CHECKING:
    from llama3_tools import Execution, Verdict

# By the status of what became of code, where the notice stands in place of its output.
_PLACES = {"completed": "stdout", "failed": "stderr", "timeout": "stderr", "blocked": "gate"}
# The last lines of what code left behind: they are ours, while anything may have been printed above them.
_NAMED = re.compile(r"(?:\[plot\][^\n]*\[/plot\](?:\n|\Z))*(?:\[files\][^\n]*\[/files\])?\Z")

OUTPUT_LIMIT = 8_000
"""Characters of output shown to the model; small contexts get fewer."""


def code_result(
    execution: Execution, *, plots: Sequence[str] = (), files: Sequence[str] = (), limit: int = OUTPUT_LIMIT
) -> str:
    """Return the tool message for code that ran: an honest status, then only the parts there are."""
    return code_output(
        _status(execution),
        stdout=shorten(_output(execution), limit),
        stderr=shorten(_problems(execution), limit),
        plots=plots,
        files=files,
    )


def gate_refusal(verdict: Verdict) -> str:
    """Return the tool message for code that the gate stopped, one line a finding."""
    lines = [
        f"[gate]line {finding.line}: {printable(finding.message)} {finding.advice}".rstrip() + "[/gate]"
        for finding in verdict.findings
    ]
    return "\n".join(["blocked", *(lines or ["[gate]the code was not passed by the gate[/gate]"])])


def failed(reason: str) -> str:
    """Return the tool message for code that could not be run to its end."""
    return code_output("failed", stderr=reason)


def error(text: str) -> str:
    """Return the tool message for a call that went wrong: what, and how to mend it."""
    return f"error: {text.removeprefix('error: ')}"


def tool_result(value: object, *, limit: int = OUTPUT_LIMIT) -> str:
    """Return the tool message for what a tool returned: text as it is, everything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=_as_json)
    return shorten(text, limit)


def left_out(content: str) -> str:
    """Return what stands in place of an old tool message: how it ended, its size, the files that it names."""
    status, _, rest = content.partition("\n")
    notice = f"[... {len(content):,} characters left out ...]"
    if status not in _PLACES:
        return error(notice) if content.startswith("error: ") else notice
    named, place = _NAMED.search(rest), _PLACES[status]
    assert named is not None
    return "\n".join([status, f"[{place}]{notice}[/{place}]", *filter(None, [named[0]])])


def turns_left_out(count: int, files: Sequence[str] = ()) -> str:
    """Return what stands in place of the oldest messages of a conversation.

    Args:
        count: How many there were.
        files: Names of files that came with questions among them, and are still there.
    """
    noted = f" Files attached in them: {', '.join(files)}." if files else ""
    return f"{count:,} earlier messages of this conversation were left out here.{noted}"


def _status(execution: Execution) -> CodeStatus:
    if execution.timed_out:
        return "timeout"
    return "completed" if execution.error is None else "failed"


def _output(execution: Execution) -> str:
    """Standard output, then the text of the last expression on a line of its own."""
    printed = printable(execution.stdout).rstrip("\n")
    value = printable(execution.text or "").rstrip("\n")
    return "\n".join(part for part in (printed, value) if part)


def _problems(execution: Execution) -> str:
    written = printable(execution.stderr).rstrip("\n")
    raised = ""
    if execution.error is not None:
        raised = printable(execution.error.traceback).rstrip("\n") or _last_line(execution)
    return "\n".join(part for part in (written, raised) if part)


def _last_line(execution: Execution) -> str:
    assert execution.error is not None
    return printable(": ".join(part for part in (execution.error.name, execution.error.value) if part))


def _as_json(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return str(value)
