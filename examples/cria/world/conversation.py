"""A conversation under construction.

Messages in Llama 3.1's form, and which of them the model learns to write.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from llama3_prompts import system_text

from .interpreter import Interpreter, Ran

BEGIN, START, END = "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"
EOT, EOM, PYTHON = "<|eot_id|>", "<|eom_id|>", "<|python_tag|>"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text; ``learn`` marks what the model itself would write."""

    text: str
    learn: bool


@dataclass(slots=True)
class Conversation:
    """Collects turns. Code really runs, in a folder of the conversation's own."""

    rng: Random
    folder: Path
    today: datetime.date
    python: bool
    search: bool
    declarations: Sequence[dict[str, Any]]
    instructions: str
    segments: list[Segment] = field(default_factory=list)
    plots: int = 0
    interpreter: Interpreter = field(init=False)
    last_answer: str = ""
    last_number: str = ""

    def __post_init__(self) -> None:
        self.interpreter = Interpreter(self.folder, self.today, self.rng.randrange(2**31))
        system = system_text(
            instructions=self.instructions,
            schemas=self.declarations,
            builtin_tools=["brave_search"] if self.search else [],
            code_interpreter=self.python,
            today=self.today,
        )
        self._message("system", system)

    def _message(self, role: str, body: str) -> None:
        self.segments.append(
            Segment(f"{BEGIN if not self.segments else ''}{START}{role}{END}\n\n{body}{EOT}", False)
        )

    def user(self, text: str, files: Sequence[str] = ()) -> None:
        """What the user says, with the names of attached files."""
        self._message("user", f"Attached: {', '.join(files)}\n\n{text}" if files else text)

    def tool(self, text: str) -> None:
        """What a tool returned."""
        self._message("ipython", text)

    def _assistant(self, body: str, learn: bool) -> None:
        self.segments += [Segment(f"{START}assistant{END}\n\n", False), Segment(body, learn)]

    def answer(self, text: str) -> None:
        """The final answer of a turn."""
        self._assistant(text + EOT, True)
        self.last_answer = text

    def code(self, code: str, *, learn: bool = True) -> Ran:
        """The model runs code and reads what came out."""
        self._assistant(PYTHON + code + EOM, learn)
        ran = self.interpreter.run(code)
        self.tool(ran.message(self.plots + 1))
        self.plots += ran.plots
        return ran

    def blocked(self, code: str, line: int, finding: str) -> None:
        """The model writes code that the gate refuses."""
        self._assistant(PYTHON + code + EOM, True)
        self.tool(f"blocked\n[gate]line {line}: {finding}[/gate]")

    def call(self, name: str, arguments: dict[str, Any], result: str, *, learn: bool = True) -> None:
        """The model calls a custom function."""
        if self.python:
            body = json.dumps({"type": "function", "name": name, "parameters": arguments}, ensure_ascii=False)
            self._assistant(PYTHON + body + EOM, learn)
        else:
            self._assistant(
                json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False) + EOT, learn
            )
        self.tool(result)

    def search_web(self, query: str, result: str) -> None:
        """The model searches the web."""
        escaped = query.replace("\\", "\\\\").replace('"', '\\"')
        self._assistant(f'{PYTHON}brave_search.call(query="{escaped}"){EOM}', True)
        self.tool(result)
