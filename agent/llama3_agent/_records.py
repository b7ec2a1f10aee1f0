"""Runs as JSON Lines: a line for the run, and for each message with its ids, each result and each file."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from langchain_core.messages import messages_from_dict, messages_to_dict
from pydantic_core import to_jsonable_python

from llama3_tools import Finding, Result, Verdict

from ._run import Run, RunFiles, RunGuards, Usage
from .errors import InputError
from .events import ContextCompacted, GuardVerdict, ToolCall

VERSION = 1


def save(run: Run, path: str | Path) -> Path:
    """Write a run to a file, which is replaced; return its path.

    Raises:
        OSError: The file cannot be written.
    """
    target = Path(path)
    lines = (json.dumps(line, ensure_ascii=False, default=str) for line in _lines(run))
    target.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return target


def load(path: str | Path) -> Run:
    """Read the run that `save` wrote.

    ``Run.parsed`` comes back as plain values.

    Raises:
        InputError: The file holds no run, or one of another version.
        OSError: The file cannot be read.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    try:
        head, *rest = map(json.loads, lines)
        if head["version"] != VERSION:
            raise InputError(
                f"{str(path)!r} holds a run of version {head['version']!r}; this reads {VERSION}"
            )
        return _run(head, rest)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)!r} holds no run, or a damaged one: {error!r}") from error


def _lines(run: Run) -> Iterator[dict[str, Any]]:
    yield {
        "kind": "run",
        "version": VERSION,
        "thread": run.thread,
        "output": run.output,
        "finish_reason": run.finish_reason,
        "error": run.error,
        "steps": run.steps,
        "usage": dataclasses.asdict(run.usage),
        "parsed": to_jsonable_python(run.parsed, fallback=str),
        "waiting": [dataclasses.asdict(call) for call in run.waiting],
        "verdicts": {name: dataclasses.asdict(verdict) for name, verdict in run.verdicts.items()},
        "guards": {
            "verdicts": [verdict.to_state() for verdict in run.guards.verdicts],
            "active": run.guards.active,
            "asking": [verdict.to_state() for verdict in run.guards.asking],
        },
        "compactions": [dataclasses.asdict(one) for one in run.compactions],
        "left_out": run.files.left_out,
    }
    ends = [0, *run.ends]
    for message, (start, end) in zip(messages_to_dict(run.messages), pairwise(ends), strict=True):
        yield {"kind": "message", "ids": list(run.ids[start:end]), "message": message}
    for result in run.results:
        yield {"kind": "result", **dataclasses.asdict(result)}
    for name, data in run.files.items():
        yield {"kind": "file", "name": name, "base64": base64.b64encode(data).decode()}


def _run(head: dict[str, Any], rest: list[dict[str, Any]]) -> Run:
    def of(kind: str) -> list[dict[str, Any]]:
        return [{key: line[key] for key in line if key != "kind"} for line in rest if line["kind"] == kind]

    ids: list[int] = []
    ends: list[int] = []
    for line in of("message"):
        ids += line["ids"]
        ends.append(len(ids))
    contents = {line["name"]: base64.b64decode(line["base64"]) for line in of("file")}
    return Run(
        output=head["output"],
        finish_reason=head["finish_reason"],
        error=head["error"],
        messages=tuple(messages_from_dict([line["message"] for line in of("message")])),
        results=tuple(Result(**line) for line in of("result")),
        files=RunFiles(contents, head["left_out"]),
        usage=Usage(**head["usage"]),
        steps=head["steps"],
        thread=head["thread"],
        parsed=head["parsed"],
        ids=tuple(ids),
        ends=tuple(ends),
        waiting=tuple(ToolCall(**call) for call in head["waiting"]),
        verdicts={name: _verdict(verdict) for name, verdict in head["verdicts"].items()},
        guards=RunGuards(
            tuple(map(GuardVerdict.from_state, head["guards"]["verdicts"])),
            tuple(head["guards"]["active"]),
            tuple(map(GuardVerdict.from_state, head["guards"]["asking"])),
        ),
        # Runs that were saved before there was such a thing have none.
        compactions=tuple(ContextCompacted(**one) for one in head.get("compactions", ())),
    )


def _verdict(saved: dict[str, Any]) -> Verdict:
    findings = tuple(Finding(**finding) for finding in saved["findings"])
    return Verdict(**{**saved, "findings": findings, "layers": tuple(saved["layers"])})
