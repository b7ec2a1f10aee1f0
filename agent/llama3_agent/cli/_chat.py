"""``llama3-agent chat``: the code interpreter in a terminal."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llama3_tools import SandboxError

from .._inputs import checked_files
from .._run import Run, Usage
from .._text import one_line, printable
from ..errors import InputError, NothingToResume
from ._ask import answer_for, waits
from ._guards import GuardOptions, tell_active
from ._run import MOST_BYTES, save, watch
from ._setup import open_agent
from ._show import Screen, terminal
from ._store import default_store

if TYPE_CHECKING:
    from .._agent import Agent

HELP = """\
/attach FILE ...   put files into the sandbox with the next question
/files             what has been attached and saved
/usage             tokens so far: in the prompt, cached, computed, written
/reset             forget the conversation and the sandbox
/quit              leave (or Ctrl-D); Ctrl-C stops an answer"""


def chat(
    *,
    files: Sequence[Path],
    model: str,
    out: Path,
    max_steps: int,
    ask: bool,
    guards: GuardOptions,
    thread: str | None,
    store: str | None,
) -> None:
    """Talk until the user leaves."""
    checked_files(files, most_bytes=MOST_BYTES)
    kept = (store or default_store()) if thread else None
    with open_agent(model, max_steps=max_steps, guards=guards.load(), ask=ask, store=kept) as agent:
        tell_active(agent.active_guards)
        Chat(agent, terminal(), out=out, files=files, thread=thread).talk()


class Chat:
    """One conversation.

    Args:
        agent: Who answers.
        screen: Where everything is shown.
        out: Where plots and files are saved.
        files: To attach to the first question.
        thread: The name under which it is kept; None to forget it in the end.
    """

    def __init__(
        self,
        agent: Agent,
        screen: Screen,
        *,
        out: Path,
        files: Sequence[Path] = (),
        thread: str | None = None,
    ) -> None:
        self._name = thread
        self._agent = agent
        self._screen = screen
        self._out = out
        self._next: list[Path] = list(files)
        self._attached: list[Path] = []
        self._saved: list[Path] = []
        self._usage = Usage()
        self._number = 1
        self._commands: dict[str, Callable[[list[str]], None]] = {
            "/help": lambda _: self._screen.line(HELP),
            "/attach": self._attach,
            "/files": self._list_files,
            "/usage": self._show_usage,
            "/reset": self._reset,
        }

    def talk(self) -> None:
        """Read lines until /quit or the end of input."""
        self._screen.line("Ask a question; /help lists the commands, Ctrl-D leaves.")
        self._take_up()
        while (line := _read_line()) is not None:
            if line == "/quit":
                return
            try:
                self._take(line)
            except (InputError, SandboxError, OSError) as error:
                self._screen.line(f"error: {one_line(str(error))}", 31)

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if command := self._commands.get(word):
            command(_words(rest))
        elif word.startswith("/") and word[1:].isalpha():
            self._screen.line(f"there is no command {one_line(word)}; /help lists them")
        elif line:
            self._ask(line)

    def _ask(self, question: str) -> None:
        files, self._next = self._next, []
        run = watch(self._agent, self._screen, self._agent.stream(question, files, thread=self._thread))
        self._attached += files
        self._usage += self._finish(run).usage

    def _take_up(self) -> None:
        """Say where a thread with a name stands, and go on with what was cut off."""
        run = self._agent.last(self._thread) if self._name else None
        if run is None:
            return
        self._screen.line(f"thread {one_line(self._thread)}: {len(run.messages) - 1} messages so far")
        if not waits(run):
            try:
                stream = self._agent.resume_stream(thread=self._thread)
            except NothingToResume:
                return
            self._screen.line("going on with what was cut off")
            run = watch(self._agent, self._screen, stream)
        self._finish(run)

    def _finish(self, run: Run) -> Run:
        """Have waiting calls decided on, and save what came of it all."""
        while waits(run):
            self._keep(run)
            answer = answer_for(run, self._screen)
            run = watch(self._agent, self._screen, self._agent.resume_stream(answer, thread=self._thread))
        self._keep(run)
        return run

    def _keep(self, run: Run) -> None:
        saved, trouble = save(run, self._out)
        self._saved += saved
        if waits(run):
            return
        if run.finish_reason == "blocked" and run.output:  # the polite answer, which no event brings
            self._screen.line(printable(run.output))
        self._screen.finish(run, saved)
        if trouble:
            self._screen.line(f"error: {one_line(trouble)}", 31)

    @property
    def _thread(self) -> str:
        return self._name or f"chat-{self._number}"

    def _attach(self, names: list[str]) -> None:
        paths = checked_files([*self._next, *names], most_bytes=MOST_BYTES)
        self._next = paths
        self._screen.line(
            f"with the next question: {_listed(paths)}" if paths else "which file? /attach FILE"
        )

    def _list_files(self, _: list[str]) -> None:
        self._screen.line(f"attached: {_listed(self._attached)}")
        if self._next:
            self._screen.line(f"with the next question: {_listed(self._next)}")
        self._screen.line(f"saved: {_listed(self._saved)}")

    def _show_usage(self, _: list[str]) -> None:
        usage = self._usage
        self._screen.line(
            f"prompt {usage.prompt_tokens:,} tokens (cached {usage.cached_tokens:,}, computed "
            f"{usage.computed_tokens:,}), written {usage.generated_tokens:,} at "
            f"{usage.tokens_per_second:,.0f} a second, {usage.seconds:.1f} s"
        )

    def _reset(self, _: list[str]) -> None:
        self._agent.forget(self._thread)
        self._number += 1
        self._attached, self._next, self._usage = [], [], Usage()
        self._screen.line("a new conversation, and an empty sandbox")


def _read_line() -> str | None:
    """The next line, stripped; None at the end. Ctrl-C gives up the line being typed."""
    prompt = "\n> " if sys.stdin.isatty() else ""
    if prompt:
        import readline  # noqa: F401 - gives input() its editing keys and history
    try:
        return input(prompt).strip()
    except EOFError:
        return None
    except KeyboardInterrupt:
        print("\n(Ctrl-D or /quit leaves)")
        return ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise InputError(f"cannot read {text!r}: {error}; close the quote") from None


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(one_line(str(path)) for path in paths) or "nothing"
