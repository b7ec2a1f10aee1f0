"""Where the guards meet the graph: what is shown to them, and what is told of what they say."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from .. import events
from .._calls import not_done, readable
from .._state import Call, Result, State
from ._panel import Item, Looks
from ._policy import SEVERITY, Action
from ._types import Place, Subject
from ._verdict import GuardVerdict

if TYPE_CHECKING:
    from .._guards import Guards

Tell = Callable[[Any], None]

WITHHELD: Final = (
    "the result of this call was withheld, because a guard stopped it ({reason}); "
    "go on without it, and say so in your answer"
)
LEFT: Final = "the turn was left before it was decided on"
STOPPED: Final = "a guard stopped this call before it was run ({reason}); do what the user asked another way"


@dataclass(frozen=True, slots=True)
class Findings:
    """What the guards say about one or several things."""

    verdicts: tuple[GuardVerdict, ...] = ()

    @property
    def action(self) -> Action:
        """The severest of their actions."""
        return max((one.action for one in self.verdicts), key=SEVERITY.__getitem__, default="pass")

    @property
    def reason(self) -> str:
        """What those say who decided it."""
        return "; ".join(dict.fromkeys(one.reason for one in self.verdicts if one.action == self.action))

    @property
    def brief(self) -> str:
        """The same for the model, which must not read a word of what was judged."""
        return "; ".join(dict.fromkeys(one.brief for one in self.verdicts if one.action == self.action))

    def of(self, call_id: str) -> Findings:
        """What they say about one call."""
        return Findings(tuple(one for one in self.verdicts if one.call_id == call_id))

    @classmethod
    def read(cls, state: Sequence[dict[str, Any]]) -> Findings:
        """What `to_state` gave."""
        return cls(tuple(map(GuardVerdict.from_state, state)))

    def to_state(self) -> list[dict[str, Any]]:
        """Plain values, for a checkpoint."""
        return [one.to_state() for one in self.verdicts]


class Watch:
    """The guards of an agent.

    Args:
        guards: What the agent was told.

    Attributes:
        apology: What a blocked run answers.
        active: Who stands where.
    """

    def __init__(self, guards: Guards) -> None:
        self._panel, self._guards = guards.panel(), guards
        self.apology, self.active = guards.apology, self._panel.active

    def stands_at(self, place: Place) -> bool:
        """Whether anybody looks there."""
        return self._panel.stands_at(place)

    @property
    def holds_text(self) -> bool:
        """Whether the text of an answer waits until all of it has passed."""
        return self.stands_at("output") and self._guards.stream == "hold"

    @property
    def in_pieces(self) -> bool:
        """Whether the text of an answer is judged and let out while it is written."""
        return self.stands_at("output") and self._guards.stream == "window"

    def question(
        self,
        text: str,
        names: Sequence[str],
        messages: Sequence[BaseMessage],
        tell: Tell,
        stop: threading.Event,
    ) -> Findings:
        """Judge a question; the names of files that come with it are somebody else's text."""
        items = [Item(Subject("input", text, [*messages, HumanMessage(text)]))]
        items += [Item(Subject("tool", name)) for name in names]
        return self._told(self._panel.begin(items), tell, stop)

    def calls(self, calls: Sequence[Call], messages: Sequence[BaseMessage]) -> Looks:
        """Begin to judge calls, each as the last thing that the model did."""
        return self._panel.begin([Item(_call(call, messages), call["id"]) for call in calls])

    def results(
        self,
        calls: Sequence[Call],
        outcomes: dict[str, Result],
        messages: Sequence[BaseMessage],
        tell: Tell,
        stop: threading.Event,
    ) -> Findings:
        """Judge what came of calls, before the model reads it."""
        items = [
            Item(_result(call, outcomes[call["id"]]["content"], messages), call["id"])
            for call in calls
            if call["id"] in outcomes
        ]
        return self._told(self._panel.begin(items), tell, stop)

    def answer(
        self,
        text: str,
        messages: Sequence[BaseMessage],
        tell: Tell,
        stop: threading.Event,
        *,
        tail: int | None = None,
    ) -> Findings:
        """Judge an answer.

        Args:
            text: All of it there is.
            messages: The conversation before it.
            tell: Takes the verdicts as events.
            stop: Set to wait no longer.
            tail: Characters at its end that a guard of single texts is shown; all by default.
        """
        shown = text if tail is None else text[-tail:]
        item = Item(Subject("output", shown, [*messages, AIMessage(text)]))
        return self._told(self._panel.begin([item]), tell, stop)

    def sluice(self, messages: Sequence[BaseMessage], writer: Tell, stop: threading.Event) -> Sluice | None:
        """What lets the text of a message out as it is written, if it is to come piece by piece."""
        return Sluice(self, self._guards.window, messages, writer, stop) if self.in_pieces else None

    def end(self, looks: Looks, tell: Tell, stop: threading.Event) -> Findings:
        """What comes of looks that were begun."""
        return self._told(looks, tell, stop)

    @staticmethod
    def _told(looks: Looks, tell: Tell, stop: threading.Event) -> Findings:
        found = Findings(tuple(looks.verdicts(stop)))
        for verdict in found.verdicts:
            tell(verdict)
        return found


class Sluice:
    """Lets text out piece by piece, one window behind what has passed.

    So that nothing goes out whose continuation changes what it means, text follows only when the window after
    it has passed too. What is shown is thus at most two windows behind what is written.

    Args:
        watch: The guards.
        window: Characters between two looks.
        messages: The conversation before the message.
        writer: Takes the events that go out.
        stop: Set to wait no longer.
    """

    def __init__(
        self, watch: Watch, window: int, messages: Sequence[BaseMessage], writer: Tell, stop: threading.Event
    ) -> None:
        self._watch, self._window, self._messages = watch, window, messages
        self._writer, self._stop = writer, stop
        self._text, self._shown, self._passed = "", 0, 0
        self._found = Findings()

    def __call__(self, event: Any) -> None:
        """Take an event: text waits, everything else goes out."""
        if not isinstance(event, events.TextDelta):
            self._writer(event)
            return
        self._text += event.text
        if len(self._text) - self._passed >= self._window and self._open:
            self._look(tail=4 * self._window)

    def end(self) -> tuple[Findings, int]:
        """Judge the whole message; returns what was found, and how many characters went out."""
        if self._open and self._text.strip():
            self._look(tail=None)
            if self._open:
                self._let_out(len(self._text))
        return self._found, self._shown

    @property
    def _open(self) -> bool:
        return self._found.action in ("pass", "warn")

    def _look(self, *, tail: int | None) -> None:
        told: list[GuardVerdict] = []
        self._found = self._watch.answer(self._text, self._messages, told.append, self._stop, tail=tail)
        if tail is None or self._found.action != "pass":
            for verdict in told:
                self._writer(verdict)
        if self._open:
            self._let_out(self._passed)
            self._passed = len(self._text)

    def _let_out(self, end: int) -> None:
        if end > self._shown:
            self._writer(events.TextDelta(self._text[self._shown : end]))
            self._shown = end


def unseen(state: State, watch: Watch) -> list[Call]:
    """The calls that the guards have not looked at, as they are now."""
    if not watch.stands_at("call"):
        return []
    return [call for call in readable(state) if _fingerprint(call) not in state["guarded"]]


def stopped_calls(found: Findings, calls: Sequence[Call], state: State, tell: Tell) -> State:
    """The change of state that follows from what the guards say of calls."""
    blocked = [call for call in calls if found.of(call["id"]).action == "block"]
    asked = {call["id"] for call in calls if found.of(call["id"]).action == "ask"}
    outcomes = {}
    for call in blocked:
        content = not_done(call, STOPPED.format(reason=found.of(call["id"]).brief))
        outcomes[call["id"]] = Result(content=content, ok=False)
        tell(events.ToolResult(call["id"], call["name"], content, ok=False))
    return State(
        calls=[Call(**{**call, "asked": True}) if call["id"] in asked else call for call in state["calls"]],
        guarded=[*state["guarded"], *map(_fingerprint, calls)],
        checks=[*state["checks"], *found.to_state()],
        refused={**state["refused"], **dict.fromkeys(outcomes, "")},
        outcomes=outcomes,
    )


def unjudged(state: State, watch: Watch) -> bool:
    """Whether the last turn was left with an answer that the guards, or who they ask, have not let out."""
    if not watch.stands_at("output") or state.get("output") is None:
        return False
    held = state.get("held")
    return state.get("finish_reason") is None or (held is not None and held["place"] == "output")


def unread(state: State, watch: Watch) -> State:
    """The state of a turn that was left, without results that may not have passed the guards."""
    if not watch.stands_at("tool"):
        return state
    calls = {call["id"]: call for call in state.get("calls", []) if call["id"] not in state["refused"]}
    outcomes = {
        name: withheld(calls[name], LEFT) if name in calls else outcome
        for name, outcome in state.get("outcomes", {}).items()
    }
    return State(**{**state, "outcomes": outcomes})


def withheld(call: Call, reason: str) -> Result:
    """What the model reads instead of a result that may not reach it."""
    return Result(content=not_done(call, WITHHELD.format(reason=reason)), ok=False)


def tell_results(
    calls: Sequence[Call], outcomes: dict[str, Result], pending: dict[str, events.ToolResult], tell: Tell
) -> None:
    """Tell of results exactly as the model will read them."""
    for call in calls:
        outcome = outcomes[call["id"]]
        plain = events.ToolResult(call["id"], call["name"], outcome["content"], outcome["ok"])
        event = pending.pop(call["id"], plain)
        tell(replace(event, content=outcome["content"], ok=outcome["ok"]))


def _fingerprint(call: Call) -> str:
    """Tells a call from the same one with other arguments."""
    written = json.dumps([call["name"], call["args"]], sort_keys=True, default=str)
    return f"{call['id']} {hashlib.sha256(written.encode()).hexdigest()[:16]}"


def _call(call: Call, messages: Sequence[BaseMessage]) -> Subject:
    written = AIMessage("", tool_calls=[{"name": call["name"], "args": call["args"], "id": call["id"]}])
    before = list(messages)
    while before and isinstance(before[-1], AIMessage):
        before.pop()  # the message that makes the call, among others perhaps
    text = "\n".join(_strings(call["args"]))
    return Subject("call", text, [*before, written])


def _result(call: Call, content: str, messages: Sequence[BaseMessage]) -> Subject:
    message = ToolMessage(content, tool_call_id=call["id"], name=call["name"])
    return Subject("tool", content, [*messages, message])


def _strings(value: object) -> Iterator[str]:
    """The texts among arguments, code as it is."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
    else:
        yield str(value)
