"""From LangChain's messages to a transcript, so that what the model wrote is the very ids that it wrote."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage

from llama3_prompts import Transcript

IDS = "llama3_ids"
"""Where an `AIMessage` keeps the ids that it was read from, in its ``additional_kwargs``."""


def transcript_of(
    messages: Sequence[BaseMessage],
    *,
    tokenizer: Any,
    family: str,
    instructions: str,
    tools: Sequence[Any],
    today: datetime.date | None,
) -> Transcript:
    """The conversation that a list of messages is.

    A message of this model that still says what it was read from is kept as it was generated, so that the
    prompt begins with the one before. A system message at the beginning takes the place of ``instructions``.

    Raises:
        TypeError: Llama 3's format has no such message.
        ValueError: The family knows no tools, or no images.
    """
    first = messages[0] if messages else None
    opened = isinstance(first, SystemMessage)
    transcript = Transcript(
        tokenizer,
        family,
        instructions=str(first.text) if first is not None and opened else instructions,
        tools=tools,
        today=today,
    )
    for message in messages[1:] if opened else messages:
        if not (isinstance(message, AIMessage) and _as_generated(transcript, message)):
            transcript.append(message)
    return transcript


def _as_generated(transcript: Transcript, message: AIMessage) -> bool:
    """Add a message by its ids, unless it has been changed since."""
    ids = message.additional_kwargs.get(IDS)
    if not isinstance(ids, list | tuple) or not all(isinstance(number, int) for number in ids):
        return False
    before = transcript.position
    if _said(transcript.add_generated(ids)) == _said(message):
        return True
    transcript.rewind(before)
    return False


def _said(message: AIMessage) -> tuple[Any, ...]:
    calls = [(call["name"], call["args"]) for call in message.tool_calls]
    return str(message.text), calls, len(message.invalid_tool_calls)
