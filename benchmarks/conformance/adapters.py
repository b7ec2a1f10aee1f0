"""What each parser makes of one message. Runs in an environment where all of them are installed.

Reads one JSON string a line and writes, a line each, the calls as ``[[name, arguments], ...]``, or the error
that the parser raised. ``python adapters.py PARSER`` with one of `PARSERS`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

Calls = list[list[Any]]


def llama_models() -> Callable[[str], Calls]:
    """Meta's reference: the decoder of its chat format."""
    from llama_models.datatypes import StopReason
    from llama_models.llama3.chat_format import ChatFormat
    from llama_models.llama3.tokenizer import Tokenizer

    chat = ChatFormat(Tokenizer.get_instance())

    def read(text: str) -> Calls:
        message = chat.decode_assistant_message_from_content(text, StopReason.end_of_turn)
        return [[str(getattr(c.tool_name, "value", c.tool_name)), c.arguments] for c in message.tool_calls]

    return read


def smolagents() -> Callable[[str], Calls]:
    """What its ToolCallingAgent reads a local model's text with; the keys are those Llama writes."""
    from smolagents.models import get_tool_call_from_text

    def read(text: str) -> Calls:
        call = get_tool_call_from_text(text, "name", "parameters").function
        return [[call.name, call.arguments]]

    return read


def langchain() -> Callable[[str], Calls]:
    """The JSON parser of its guide to models without an interface for tools."""
    from langchain_core.output_parsers import JsonOutputParser

    parser = JsonOutputParser()

    def read(text: str) -> Calls:
        found = parser.parse(text)
        items = found if isinstance(found, list) else [found]
        named = [item for item in items if isinstance(item, Mapping) and "name" in item]
        return [[item["name"], item.get("arguments", item.get("parameters"))] for item in named]

    return read


PARSERS = {"llama-models": llama_models, "smolagents": smolagents, "langchain": langchain}


def main() -> None:
    """Answer line by line."""
    with contextlib.redirect_stdout(sys.stderr):  # some of them print
        read = PARSERS[sys.argv[1]]()
        answers = []
        for line in sys.stdin:
            try:
                answers.append({"calls": read(json.loads(line))})
            except Exception as error:  # noqa: BLE001 - a parser that raises is a result
                answers.append({"raised": type(error).__name__})
    for answer in answers:
        print(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
