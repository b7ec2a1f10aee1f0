"""Ask the agent the questions of a case, end to end, and score what it does."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from evaluation.cases import Case
from evaluation.checks import Call, Observation, Score, check_turn
from evaluation.functions import brave_search_stand_in, function_tool
from llama3_agent import Agent, Run
from llama3_tools import Result

_PLOT = re.compile(r"^\[plot\].+\.png\[/plot\]$", re.MULTILINE)
_PNG = b"\x89PNG\r\n\x1a\n"


AgentMaker: TypeAlias = Callable[[Sequence[Any]], Agent]
"""Makes an agent with the given tools and a sandbox of its own."""


@dataclass(frozen=True, slots=True)
class CaseScore:
    """How one case went.

    Attributes:
        case: the case.
        turns: a score for each turn that was reached; a wrong turn ends the case.
        transcript: every message, as JSON-able dictionaries.
    """

    case: Case
    turns: tuple[Score, ...]
    transcript: tuple[dict[str, Any], ...]

    @property
    def right(self) -> bool:
        """Whether every turn is right in every aspect."""
        return len(self.turns) == len(self.case.turns) and all(turn.right for turn in self.turns)

    def aspect(self, name: str) -> bool | None:
        """`tool`, `arguments` or `answer` over the turns: None where no turn asks for it."""
        marks = [mark for mark in (getattr(turn, name) for turn in self.turns) if mark is not None]
        return all(marks) if marks else None

    def to_dict(self) -> dict[str, Any]:
        """The case, what went wrong, and the transcript."""
        complaints = [list(turn.complaints) for turn in self.turns]
        return {
            "id": self.case.id,
            "kind": self.case.kind,
            "turns": [{"user": turn.user, "expect": turn.expect} for turn in self.case.turns],
            "complaints": complaints,
            "transcript": list(self.transcript),
        }


def run_case(case: Case, make_agent: AgentMaker, files: Path) -> CaseScore:
    """Hold the conversation of a case with a fresh agent.

    Args:
        case: what to ask.
        make_agent: makes the agent from the case's tools.
        files: the folder of the CSV files.
    """
    paths = [files / name for name in case.files]
    scores: list[Score] = []
    transcript: list[dict[str, Any]] = []
    with make_agent(tools_of(case)) as agent:
        for index, turn in enumerate(case.turns):
            run = agent.run(turn.user, paths if index == 0 else [], thread=case.id)
            transcript += [message_dict(message) for message in last_turn(run.messages)]
            scores.append(check_turn(turn.expect, observe(run), files=paths, functions=case.functions))
            if not scores[-1].right:
                break
    return CaseScore(case, tuple(scores), tuple(transcript))


def tools_of(case: Case) -> list[Any]:
    """The tools that a case offers beside the code interpreter."""
    tools: list[Any] = [function_tool(function) for function in case.functions]
    return tools if case.search is None else [*tools, brave_search_stand_in(case.search)]


def observe(run: Run) -> Observation:
    """What the newest turn of a run shows."""
    messages = last_turn(run.messages)
    spoken = [message for message in messages if isinstance(message, AIMessage)]
    results = tuple(message.text for message in messages if isinstance(message, ToolMessage))
    return Observation(
        output=run.output or "",
        finish_reason=run.finish_reason,
        calls=tuple(Call(call["name"], call["args"]) for message in spoken for call in message.tool_calls),
        results=results,
        malformed=sum(len(message.invalid_tool_calls) for message in spoken),
        plots=min(sum(len(_PLOT.findall(result)) for result in results), sum(map(_is_png, run.results))),
    )


def last_turn(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """The messages from the last thing the user said."""
    starts = [index for index, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[starts[-1] if starts else 0 :])


def message_dict(message: BaseMessage) -> dict[str, Any]:
    """A message for reading: who, what, which calls."""
    known: dict[str, Any] = {"role": message.type, "content": message.text}
    if isinstance(message, AIMessage) and message.tool_calls:
        known["calls"] = [{"name": call["name"], "args": call["args"]} for call in message.tool_calls]
    if isinstance(message, AIMessage) and message.invalid_tool_calls:
        known["invalid"] = [
            {"text": call["args"], "error": call["error"]} for call in message.invalid_tool_calls
        ]
    return known


def _is_png(result: Result) -> bool:
    return base64.b64decode(result.png or "").startswith(_PNG)
