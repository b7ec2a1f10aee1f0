"""Which dialect a candidate may be, by its first characters. A new dialect is one file and one line here."""

from __future__ import annotations

from typing import Final

from llama3_prompts._parser._json_calls import JsonCalls
from llama3_prompts._parser._python_calls import DottedCall, PythonCalls
from llama3_prompts._parser._scanner import Place, Scanner
from llama3_prompts._parser._tag_calls import TagCall

BRACKET: Final = "["
"""Opens a list, of JSON calls or of Python-like ones: `list_scanner` tells."""


def scanner_for(char: str, place: Place, *, at_start: bool) -> Scanner | None:
    """A scanner for what may begin with `char`; `at_start` of a message that may be a built-in's name."""
    if char == "{":
        return JsonCalls(place)
    if char == "<":
        return TagCall(place)
    if at_start and DottedCall.may_begin(char, place.toolbox):
        return DottedCall(place)
    return None


def list_scanner(char: str, place: Place) -> Scanner | None:
    """A scanner for a list whose first character after the bracket is `char`."""
    if char == "{":
        return JsonCalls(place)
    if char.isascii() and (char.isalpha() or char == "_"):
        return PythonCalls(place)
    return None
