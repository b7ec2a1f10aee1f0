"""What follows from a message that the model has just written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ._run import FinishReason, Usage
from ._state import Call, Limits, State

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage

    from .engine import Completion


STOPPED = "the answer was stopped by the user"


def judge(
    state: State, message: AIMessage, completion: Completion, limits: Limits, *, turn_over: bool
) -> State:
    """Return the change of state: calls to carry out, an answer, an ending, or neither (go on writing).

    Args:
        state: The turn so far, this step already counted.
        message: The message as parsed.
        completion: How its generation ended.
        limits: Where to stop.
        turn_over: Whether it ended in ``<|eot_id|>``; ``<|eom_id|>`` without a call means "I go on".
    """
    calls = calls_of(message)
    text = str(message.text)
    if completion.finish == "cancelled":
        return _end("interrupted", STOPPED, calls, text)
    if completion.finish == "length" and out_of_tokens(state, limits):
        return _end("budget", tokens_used_up(limits), calls, text)
    if completion.finish == "length":
        tokens = completion.generated_tokens
        error = f"the message was cut off after {tokens} tokens (max_tokens, or a full context)"
        return _end("truncated", error, calls, text)
    if calls:
        return _judge_calls(state, calls, text, limits)
    if text.strip():
        return State(calls=[], output=text) if turn_over else _go_on(state, text, limits)
    if turn_over:
        return _end("format_errors", "the model ended its turn without saying anything; ask again", [], "")
    return _go_on(state, text, limits)


def calls_of(message: AIMessage) -> list[Call]:
    """The calls of a message, readable ones and others, in the order in which they were written."""
    good = [
        Call(id=call["id"] or "", name=call["name"], args=call["args"], error=None)
        for call in message.tool_calls
    ]
    bad = [
        Call(
            id=call["id"] or "",
            name=call["name"] or "",
            args={},
            error=call["error"] or "the call cannot be read",
        )
        for call in message.invalid_tool_calls
    ]
    return sorted(good + bad, key=_number)


def _judge_calls(state: State, calls: list[Call], text: str, limits: Limits) -> State:
    errors = [call["error"] for call in calls if call["error"]]
    format_errors = state["format_errors"] + 1 if errors else 0
    written = json.dumps([[call["name"], call["args"], call["error"]] for call in calls], default=str)
    repeats = state["repeats"] + 1 if written == state["last_calls"] else 1
    change = State(calls=calls, last_calls=written, repeats=repeats, format_errors=format_errors)
    if format_errors >= limits.format_errors:
        error = (
            f"{format_errors} messages in a row had a call that cannot be read; the last one: {errors[-1]}"
        )
        return {**change, **_end("format_errors", error, calls, text)}
    if repeats >= limits.repeats:
        error = f"the same call came {repeats} times in a row; it was not run again"
        return {**change, **_end("repeated_call", error, calls, text)}
    return change


def _go_on(state: State, text: str, limits: Limits) -> State:
    return State(calls=[]) | (State(output=text) if spent(state, limits) else State()) | spent(state, limits)


def spent(state: State, limits: Limits) -> State:
    """The ending of a run that has used up its steps or its tokens; nothing otherwise."""
    if state["steps"] >= limits.steps:
        error = f"no answer after {limits.steps} steps; allow more (max_steps) or ask for less at once"
        return State(finish_reason="max_steps", error=error)
    if out_of_tokens(state, limits):
        return State(finish_reason="budget", error=tokens_used_up(limits))
    return State()


def stopped(limits: Limits, *, out_of_time: bool) -> State:
    """The ending of a run that was stopped: by somebody, or by its clock."""
    if out_of_time:
        error = f"no answer within {limits.seconds:g} s; allow more (max_seconds) or ask for less at once"
        return State(finish_reason="budget", error=error)
    return State(finish_reason="interrupted", error=STOPPED)


def out_of_tokens(state: State, limits: Limits) -> bool:
    """Whether the model has written all that it may."""
    return limits.tokens is not None and Usage(**state["usage"]).generated_tokens >= limits.tokens


def tokens_used_up(limits: Limits) -> str:
    """The sentence for a run that used all its tokens."""
    return f"no answer after {limits.tokens:,} tokens; allow more (max_run_tokens) or ask for less at once"


def _end(reason: FinishReason, error: str, calls: list[Call], text: str) -> State:
    return State(calls=calls, finish_reason=reason, error=error, output=text)


def _number(call: Call) -> int:
    digits = call["id"].rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0
