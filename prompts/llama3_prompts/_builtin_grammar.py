"""Calls of the tools that Llama 3 knows by training, and code, as rules of a Lark grammar."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from llama3_prompts._literal_grammar import STRING_RULE
from llama3_prompts._toolbox import CODE_INTERPRETER


@dataclass(frozen=True, slots=True)
class Marked:
    """What stands behind ``<|python_tag|>`` without being JSON.

    Attributes:
        alternatives: Ways to write the message, the mark included.
        rules: The rules and terminals that they use.
        openings: How calls among them begin.
    """

    alternatives: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()


def marked_calls(names: Sequence[str], *, known: Sequence[str], marked: bool) -> Marked:
    """The grammar of calls of built-in tools, and of code.

    Args:
        names: The built-in tools that may be called; the code interpreter is one.
        known: All that the conversation has.
        marked: Whether the tokenizer has ``<|python_tag|>``.
    """
    dotted = [name for name in names if name != CODE_INTERPRETER]
    mark = "<|python_tag|> " if marked else ""
    alternatives = [f"{mark}{json.dumps(f'{name}.call(query=')} STRING {json.dumps(')')}" for name in dotted]
    rules = [STRING_RULE] if dotted else []
    if CODE_INTERPRETER in names and marked:
        alternatives.append(f"{mark}CODE")
        # What is not read as a call: not JSON, and no built-in tool in another form.
        rules.append(rf"CODE: /[^{{\s](.|\n)*/ & ~/({'|'.join(known)})\.call\((.|\n)*/")
    return Marked(tuple(alternatives), tuple(rules), tuple(f"{name}.call(" for name in dotted))
