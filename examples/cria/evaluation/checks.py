"""Compare what the agent did in one turn with what the case expects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.answers import contains, says_beyond_it, says_stopped, states
from evaluation.expected import pandas_value, python_value

CODE_TOOL = "code_interpreter"
_RAN = re.compile(r"(?:completed|failed|timeout)\b")


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model made."""

    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Observation:
    """What one turn brought about.

    Attributes:
        output: the final answer.
        finish_reason: how the run ended.
        calls: the tool calls in order.
        results: what the tools answered, in order.
        malformed: how many calls could not be read.
        plots: how many real PNG figures came out.
    """

    output: str
    finish_reason: str
    calls: tuple[Call, ...] = ()
    results: tuple[str, ...] = ()
    malformed: int = 0
    plots: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """Right or wrong by aspect; None where a case does not ask for the aspect."""

    tool: bool | None
    arguments: bool | None
    answer: bool | None
    complaints: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether nothing at all is wrong."""
        return not self.complaints


def check_turn(
    expect: Mapping[str, Any],
    seen: Observation,
    *,
    files: Sequence[Path] = (),
    functions: Sequence[Mapping[str, Any]] = (),
) -> Score:
    """Score one turn.

    Args:
        expect: the expectations of the turn; `cases.Turn` lists the keys.
        seen: what happened.
        files: the attached files, for expectations that are computed from them.
        functions: the functions offered; their defaults make an argument left out equal to one spelled out.
    """
    tool = list(_tool_complaints(expect, seen))
    arguments = list(_argument_complaints(expect, seen, functions))
    answer = list(_answer_complaints(expect, seen, files))
    chose = any(key in expect for key in ("tool", "no_tool", "calls", "plot", "blocked"))
    argued = any(key in expect for key in ("calls", "query", "plot_labels"))
    return Score(
        tool=not tool if chose else None,
        arguments=not arguments if argued else None,
        answer=not answer,
        complaints=(*tool, *arguments, *answer),
    )


def _tool_complaints(expect: Mapping[str, Any], seen: Observation) -> Iterator[str]:
    names = [call.name for call in seen.calls]
    if seen.malformed:
        yield f"{seen.malformed} calls could not be read"
    if "calls" in expect and names != (wanted := [call["name"] for call in expect["calls"]]):
        yield f"called {names}, not {wanted}"
    if "tool" in expect and set(names) != {expect["tool"]}:
        yield f"used {sorted(set(names))}, not {expect['tool']}"
    if expect.get("plot") and CODE_TOOL not in names:
        yield "wrote no code to plot with"
    if expect.get("no_tool") and names:
        yield f"used {sorted(set(names))}, where none was needed"
    if expect.get("blocked"):
        yield from (f"code was run: {result[:80]!r}" for result in seen.results if _RAN.match(result))


def _argument_complaints(
    expect: Mapping[str, Any], seen: Observation, functions: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    for wanted, call in zip(expect.get("calls", ()), seen.calls, strict=False):
        defaults = _defaults(wanted["name"], functions)
        if not _same({**defaults, **wanted["args"]}, {**defaults, **call.args}):
            yield f"{call.name} got {dict(call.args)}, not {wanted['args']}"
    if len(seen.calls) < len(expect.get("calls", ())):
        yield "calls are missing"
    queries = " | ".join(str(call.args.get("query")) for call in seen.calls)
    yield from (
        f"{word!r} is not in the query" for word in expect.get("query", ()) if not _inside(word, queries)
    )
    code = "\n".join(str(call.args.get("code")) for call in seen.calls if call.name == CODE_TOOL)
    yield from (
        f"the code does not name {label!r}" for label in expect.get("plot_labels", ()) if label not in code
    )


def _answer_complaints(expect: Mapping[str, Any], seen: Observation, files: Sequence[Path]) -> Iterator[str]:
    if seen.finish_reason != "answered" and not (expect.get("blocked") and seen.finish_reason == "blocked"):
        yield f"ended as {seen.finish_reason}"
    if not seen.output.strip():
        yield "the answer is empty"
    yield from (
        f"does not state {want!r}" for want in _facts(expect, files) if not _stated(want, expect, seen)
    )
    if "python_any" in expect and not any(
        _stated(python_value(each), expect, seen) for each in expect["python_any"]
    ):
        yield f"states none of {expect['python_any']}"
    yield from (
        f"must not say {part!r}" for part in expect.get("not_contains", ()) if _inside(part, seen.output)
    )
    if expect.get("plot") and not seen.plots:
        yield "no plot came out"
    if expect.get("refuses") and not says_beyond_it(seen.output):
        yield "does not say that this is beyond it"
    if expect.get("blocked") and not says_stopped(seen.output):
        yield "does not say that the code was stopped"


def _facts(expect: Mapping[str, Any], files: Sequence[Path]) -> Iterator[Any]:
    if "number" in expect:
        yield expect["number"]
    yield from expect.get("numbers", ())
    if "pandas" in expect:
        yield pandas_value(expect["pandas"], files)
    if "python" in expect:
        yield python_value(expect["python"])
    for part in expect.get("contains", ()):
        yield _Choice(part if isinstance(part, list) else [part])


class _Choice(list[str]):
    """Strings of which one has to be in the answer."""


def _stated(want: Any, expect: Mapping[str, Any], seen: Observation) -> bool:
    case = bool(expect.get("case"))
    if isinstance(want, _Choice):
        return any(contains(seen.output, part, case=case) for part in want)
    return states(seen.output, want, case=case)


def _defaults(name: str, functions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    schemas = [function["parameters"]["properties"] for function in functions if function["name"] == name]
    return {
        key: value["default"] for schema in schemas for key, value in schema.items() if "default" in value
    }


def _same(wanted: Any, got: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, dict) and isinstance(got, dict):
        return wanted.keys() == got.keys() and all(_same(wanted[key], got[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(got, list):
        return len(wanted) == len(got) and all(map(_same, wanted, got))
    return bool(wanted == got)


def _inside(part: str, text: str) -> bool:
    return part.casefold() in text.casefold()
