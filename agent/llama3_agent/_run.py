"""What a question comes back with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, overload

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from llama3_tools import Result, Verdict

    from .engine import Completion
    from .events import ContextCompacted, ToolCall
    from .guards._verdict import GuardVerdict

FinishReason = Literal[
    "answered",
    "max_steps",
    "repeated_call",
    "format_errors",
    "truncated",
    "blocked",
    "interrupted",
    "error",
    "budget",
]
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the engine did for a run, summed over its steps.

    Attributes:
        prompt_tokens: Tokens that the model had before it when it wrote.
        cached_tokens: Of these, the ones already computed in an earlier step or turn.
        computed_tokens: Of these, the ones computed now.
        generated_tokens: Tokens written.
        seconds: Time spent in the engine.
        decoding_seconds: Of these, from the first token of each step to its last.
        first_token_seconds: Until the very first token; None if there was none.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    computed_tokens: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0
    decoding_seconds: float = 0.0
    first_token_seconds: float | None = None

    def __add__(self, other: Usage) -> Usage:
        """What both did, this one first."""
        first = self.first_token_seconds
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.computed_tokens + other.computed_tokens,
            self.generated_tokens + other.generated_tokens,
            self.seconds + other.seconds,
            self.decoding_seconds + other.decoding_seconds,
            other.first_token_seconds if first is None else first,
        )

    def plus(self, completion: Completion) -> Usage:
        """This usage with one more step."""
        waited = completion.first_token_seconds
        return self + Usage(
            completion.prompt_tokens,
            completion.cached_tokens,
            completion.computed_tokens,
            completion.generated_tokens,
            completion.seconds,
            0.0 if waited is None else completion.seconds - waited,
            waited,
        )

    @property
    def tokens_per_second(self) -> float:
        """Tokens written for each second of decoding; 0 before anything was."""
        return self.generated_tokens / self.decoding_seconds if self.decoding_seconds else 0.0


@dataclass(frozen=True, slots=True)
class RunFiles(Mapping[str, bytes]):
    """The plots and files that a run produced: name to bytes.

    Attributes:
        left_out: Name to reason, for files that could not be brought out of the sandbox.
    """

    contents: dict[str, bytes] = field(default_factory=dict, repr=False)
    left_out: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> bytes:
        return self.contents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.contents)

    def __len__(self) -> int:
        return len(self.contents)

    def save(self, folder: str | Path = ".") -> list[Path]:
        """Write the files into ``folder``, made when missing, and return their paths.

        A file of the same name is never overwritten: the new one becomes ``name-2.ext``, ``name-3.ext``, ...

        Raises:
            OSError: the folder cannot be written to.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        return [_write_new(target, Path(name).name, data) for name, data in self.contents.items()]


def _write_new(folder: Path, name: str, data: bytes) -> Path:
    """Write under the first free variant of ``name``; mode ``x`` leaves no gap between look and write."""
    stem, suffix = Path(name).stem, Path(name).suffix
    number = 1
    while True:
        path = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            file = path.open("xb")
        except FileExistsError:
            number += 1
            continue
        try:
            with file:
                file.write(data)
        except OSError:
            path.unlink()  # a full disk: half a file is none
            raise
        return path


@dataclass(frozen=True, slots=True)
class RunGuards(Sequence["GuardVerdict"]):
    """What the guards said in a run, in order.

    Attributes:
        active: Who stood where, as ``"prompt_guard at tool"``; empty when nothing was guarded.
        asking: What they said of that which waits for a person; see `Agent.resume`.
    """

    verdicts: tuple[GuardVerdict, ...] = ()
    active: tuple[str, ...] = ()
    asking: tuple[GuardVerdict, ...] = ()

    @overload
    def __getitem__(self, index: int) -> GuardVerdict: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[GuardVerdict]: ...
    def __getitem__(self, index: int | slice) -> GuardVerdict | Sequence[GuardVerdict]:
        return self.verdicts[index]

    def __len__(self) -> int:
        return len(self.verdicts)


@dataclass(frozen=True, slots=True)
class Run:
    """The outcome of one question.

    Attributes:
        output: The answer; what there is of it when the run ended early.
        finish_reason: Why the run ended; only ``answered`` is a complete answer.
        error: For every other reason, one sentence on what happened and what to do; else None.
        messages: The whole conversation of the thread, system message included.
        results: What executed code displayed, in order: text, figures and so on, by MIME kind.
        files: Plots and files that executed code produced.
        usage: Token counts and engine time.
        steps: How many times the model wrote.
        thread: Pass it as ``thread=`` to continue, when the run was started with one.
        parsed: The answer as the ``output_type`` asked for; None if none was, or the run ended early.
        ids: The whole conversation as the token ids that the model read and wrote.
        ends: Where in them each of the messages ends.
        waiting: The calls that wait for a decision; see `Agent.resume`.
        verdicts: What the gate said of the code, by call id.
        guards: Which guards were active, and what they said.
        compactions: Where older parts of the conversation were left out to make room.
    """

    output: str
    finish_reason: FinishReason
    error: str | None
    messages: tuple[BaseMessage, ...] = field(repr=False)
    results: tuple[Result, ...] = field(repr=False)
    files: RunFiles
    usage: Usage
    steps: int
    thread: str
    parsed: Any = None
    ids: tuple[int, ...] = field(default=(), repr=False)
    ends: tuple[int, ...] = field(default=(), repr=False)
    waiting: tuple[ToolCall, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict, repr=False)
    guards: RunGuards = field(default_factory=RunGuards)
    compactions: tuple[ContextCompacted, ...] = ()

    def save(self, path: str | Path) -> Path:
        """Write the run to a file of JSON Lines: messages with their ids, results, files.

        Raises:
            OSError: The file cannot be written.
        """
        from ._records import save

        return save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read what `save` wrote; `parsed` comes back as plain values.

        Raises:
            InputError: The file holds no run, or one of another version.
            OSError: The file cannot be read.
        """
        from ._records import load

        return load(path)

    def _repr_html_(self) -> str:
        """The last turn, for notebooks: code with the gate's findings, results, plots and the account."""
        from ._html import page

        return page(self)
