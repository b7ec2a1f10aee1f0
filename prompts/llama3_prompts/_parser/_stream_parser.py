"""The one state machine that reads assistant messages, whole or in chunks.

Text flows out as it comes. Where a call might begin, a dialect's scanner follows the candidate and the text
is held until the scanner knows. A candidate that turns out to be no call becomes text again or, after
``<|python_tag|>``, code. Each character is looked at a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from langchain_core.messages import AIMessage

from llama3_prompts._codec import Piece
from llama3_prompts._parser._candidate import Candidate
from llama3_prompts._parser._fence import FENCES, Fence, Listing, Mark, without_fence
from llama3_prompts._parser._held import Held, Undecided
from llama3_prompts._parser._lexer import Lexer
from llama3_prompts._parser._line import Line
from llama3_prompts._parser._message import MessageBuilder
from llama3_prompts._parser._outcome import Outcome, code_call, goes_on
from llama3_prompts._parser._scanner import Place, Verdict
from llama3_prompts._tokenizer import CONTROLS, END_HEADER, IGNORED, PYTHON_TAG, START_HEADER, TERMINATORS
from llama3_prompts._tool_model import ToolLike
from llama3_prompts._toolbox import BUILTIN_TOOLS, CODE_INTERPRETER, Toolbox
from llama3_prompts.events import Event

_TRIGGER: Final = re.compile(r"[{\[<]|(?<![^\n])[`~]")
_STOP: Final = "."
"""Ends the sentence that a call was put into."""
_MAX_ROLE: Final = 32


class StreamParser:
    """Reads an assistant message while it is written.

    It never raises on what a model may write, and it never evaluates anything.

    Args:
        tools: Custom tools: typed functions, LangChain tools, pydantic models or OpenAI function schemas.
        code_interpreter: Whether the model may write code to be run.
        builtin_tools: The tools that may be called as ``name.call(...)``.
        first_call: The number in the id of the first call, "call_1" by default.
    """

    def __init__(
        self,
        tools: Sequence[ToolLike] = (),
        code_interpreter: bool = True,
        builtin_tools: Sequence[str] = BUILTIN_TOOLS,
        *,
        first_call: int = 1,
    ) -> None:
        self._set_up(Toolbox(tools, code_interpreter, builtin_tools), first_call)

    @classmethod
    def from_toolbox(cls, toolbox: Toolbox, *, first_call: int = 1) -> StreamParser:
        """A parser over a toolbox that is already made."""
        parser = cls.__new__(cls)
        parser._set_up(toolbox, first_call)
        return parser

    def _set_up(self, toolbox: Toolbox, first_call: int) -> None:
        self._toolbox = toolbox
        self._lexer = Lexer()
        self._out = MessageBuilder(first_call)
        self._read = self._in_text
        self._candidate: Candidate | None = None
        self._data: Candidate | None = None
        self._held = Held()
        self._code: list[str] = []
        self._role: list[str] = []
        self._fence = Fence()
        self._line = Line()
        self._amid = False
        self._listing: Listing | None = None
        self._marked: int | None = None
        self._waiting = True
        self._tagged = False
        self._spoken = False
        self._foreign = False
        self._newlines = 0

    def feed(self, chunk: str | Piece) -> list[Event]:
        """Takes the next part of the message.

        Args:
            chunk: Text in which control tokens are visible by name, or a decoded `Piece`. In a piece that is
                not special, a control token's name is just what somebody typed.

        Returns:
            What is certain now. Over the whole message, text deltas add up to its content.
        """
        pieces = self._lexer.feed(chunk) if isinstance(chunk, str) else [*self._lexer.finish(), chunk]
        self._take(pieces)
        return self._out.take_events()

    def finish(self, truncated: bool = False) -> AIMessage:
        """Ends the message.

        Args:
            truncated: Whether the token limit, or somebody's stop, cut it off. Code that was cut off is no
                call.

        Returns:
            The message: its text, `tool_calls` and `invalid_tool_calls`. The `error` of an invalid call says
            what to mend; `response_metadata["invalid_kinds"]` names its kind by its id: "malformed",
            "truncated", "unknown_tool" or "arguments".
        """
        return self.end(truncated=truncated)[1]

    def end(self, *, truncated: bool = False) -> tuple[list[Event], AIMessage]:
        """Like `finish`, with the last events: those of what was still held back."""
        self._take(self._lexer.finish())
        self._end(cut_code=truncated, cut_call=True)
        return self._out.take_events(), self._out.message(truncated=truncated)

    def _take(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if piece.special and piece.text in CONTROLS:
                self._control(piece.text)
            else:
                self._text(piece.text)

    def _text(self, text: str) -> None:
        at = 0
        while at < len(text):
            at = self._read(text, at)
        self._show_streams()

    def _control(self, name: str) -> None:
        if name in IGNORED:
            return
        if name == END_HEADER:
            self._end_header()
            return
        self._end(cut_code=False, cut_call=False, blank_is_text=name in TERMINATORS)
        if name == START_HEADER:
            self._read = self._in_header
        elif name == PYTHON_TAG:
            self._tagged = not self._foreign

    # What is read where. Each takes text from `at` on and returns how far it came.

    def _in_text(self, text: str, at: int) -> int:
        if self._newlines:
            self._newlines = self._newlines - 1 if text[at] == "\n" else 0
            if text[at] == "\n":
                return at + 1
        if self._foreign:
            self._say(text[at:])
            return len(text)
        if self._listing is not None:
            return self._in_listing(self._listing, text, at)
        return self._in_waiting(text, at) if self._waiting else self._in_prose(text, at)

    def _in_waiting(self, text: str, at: int) -> int:
        """Before the first word: at the start, after the tag, after a call."""
        char = text[at]
        if char.isspace() or (char in ";," and self._after_call()):
            if char == "\n":
                self._end_line()
            self._held.add(char)
            return at + 1
        if char == _STOP and self._amid and self._held.last != _STOP:
            self._held.add(char)
            return at + 1
        if char in FENCES:
            self._read = self._in_fence
            return at
        if not self._begin(char, at_start=True):
            self._release()
            return at
        return at + 1

    def _in_prose(self, text: str, at: int) -> int:
        match = _TRIGGER.search(text, at)
        stop = match.start() if match else len(text)
        self._say(text[at:stop])
        if match is None:
            return stop
        if match.group() in FENCES:
            if self._line.begins:
                self._read = self._in_fence
                return stop
            self._say(match.group())
            return stop + 1
        if self._line.rules_out_calls or not self._begin(match.group(), at_start=False):
            self._say(match.group())
        else:
            self._amid = self._line.amid_words
        return stop + 1

    def _in_listing(self, listing: Listing, text: str, at: int) -> int:
        stop = listing.take(text, at, at_line_start=self._line.blank)
        self._say(text[at:stop])
        if listing.closed:
            self._listing = None
        return stop

    def _in_fence(self, text: str, at: int) -> int:
        """The line of a fence: around calls it belongs to them, around anything else it is text."""
        mark = self._fence.feed(text[at])
        if mark is Mark.NONE:
            self._release()
            return at
        if mark is not Mark.MORE:
            self._end_fence(opened=mark is Mark.OPENED)
        return at + 1

    def _end_fence(self, *, opened: bool) -> None:
        self._read = self._in_text
        self._waiting = True
        line = self._fence.take()
        if not opened and not self._held.fenced:
            self._settle()
            return
        self._held.add(line)
        if not opened and not self._held.undecided:
            self._release()

    def _in_candidate(self, text: str, at: int) -> int:
        assert self._candidate is not None
        at, verdict = self._candidate.take(text, at)
        if self._tagged and self._candidate.committed:
            self._marked = self._out.calls
            self._settle()
        if verdict is Verdict.DONE:
            self._complete(self._candidate)
        elif verdict is Verdict.END:
            leftover = self._candidate.cut_leftover()
            self._complete(self._candidate)
            self._text(leftover)
        elif verdict is Verdict.DATA:
            self._data = self._candidate
            self._fail(self._candidate)
            if self._read == self._in_text:
                self._read = self._in_data
        elif verdict is Verdict.FAIL:
            self._fail(self._candidate)
        return at

    def _in_data(self, text: str, at: int) -> int:
        """Inside JSON that is no call: text, whatever it holds."""
        assert self._data is not None
        stop, ended = self._data.take_data(text, at)
        if ended:
            self._read = self._in_text
        self._say(text[at:stop])
        return stop

    def _in_code(self, text: str, at: int) -> int:
        self._code.append(text[at:])
        self._out.add_slice(self._out.calls, CODE_INTERPRETER, text[at:])
        return len(text)

    def _in_rest(self, text: str, at: int) -> int:
        """After calls that followed the tag: words, or what shows that all of it is a program."""
        self._code.append(text[at:])
        return len(text)

    def _in_header(self, text: str, at: int) -> int:
        self._role.append(text[at])
        if len(self._role) > _MAX_ROLE:
            self._end_role()
        return at + 1

    # What happens there.

    def _place(self) -> Place:
        # Where no code can be run, nothing after the tag is code.
        code = self._tagged and self._toolbox.code_interpreter
        return Place(self._toolbox, alone=not self._spoken, tagged=code, announced=self._tagged)

    def _begin(self, char: str, *, at_start: bool) -> bool:
        """Starts to follow a candidate, if one may begin with this character."""
        self._candidate = Candidate.begin(char, self._place(), at_start=at_start and not self._spoken)
        if self._candidate is None:
            return False
        self._read = self._in_candidate
        return True

    def _complete(self, candidate: Candidate) -> None:
        outcomes = candidate.outcomes()
        if outcomes is None:
            self._fail(candidate)
            return
        if candidate.firm(outcomes) and not self._amid:
            self._settle()
            self._add(outcomes)
        else:
            self._held.add(Undecided(candidate.raw, outcomes))
        self._candidate = None
        self._read = self._in_text
        self._waiting = True

    def _fail(self, candidate: Candidate) -> None:
        self._held.add(candidate.raw)
        self._candidate = None
        self._release()

    def _release(self) -> None:
        """What is held is no call: after the tag it is code, elsewhere text."""
        held = self._held.source + self._fence.take()
        self._held = Held()
        if self._fence.mark and not self._tagged:
            self._listing = Listing(self._fence.mark)
        self._fence.reset()
        self._waiting = self._amid = False
        if self._tagged:
            self._tagged = False
            self._read = self._in_code
            if held:
                self._in_code(held, 0)
        elif self._marked is not None:
            self._read = self._in_rest
            self._code.append(held)
        else:
            self._read = self._in_text
            self._say(held)

    def _settle(self) -> None:
        """What is held is calls, and the separators between them."""
        self._tagged = self._amid = False
        for item in self._held.take():
            if isinstance(item, Undecided):
                self._add_new(item.outcomes)
            elif item == _STOP:
                self._say(item)
                self._waiting = True

    def _add(self, outcomes: Sequence[Outcome]) -> None:
        self._show_streams()
        self._add_new(outcomes)

    def _add_new(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._out.add(outcome)

    def _show_streams(self) -> None:
        """Tells of the arguments that came since the last time."""
        if self._candidate is None or not self._candidate.committed or self._amid:
            return
        if self._held:
            self._settle()
        first = self._out.calls
        for ordinal, name, source in self._candidate.slices():
            self._out.add_slice(first + ordinal, name, source)

    def _say(self, text: str) -> None:
        if text:
            self._waiting = False
            self._line.add(text)
            self._spoken = self._spoken or not text.isspace()
            self._out.add_text(text)

    def _end_line(self) -> None:
        """Calls amid words are calls when nothing more was said after them on their line."""
        self._line.end()
        if self._amid:
            self._settle()

    def _after_call(self) -> bool:
        return self._out.calls > 0 or self._held.undecided

    def _end(self, *, cut_code: bool, cut_call: bool, blank_is_text: bool = True) -> None:
        """Ends a stretch between control tokens: whatever is held is decided now."""
        if self._candidate is not None:
            self._end_candidate(self._candidate, truncated=cut_call)
        if self._read == self._in_header:
            self._end_role()
        if self._read == self._in_fence:
            self._release()
        if self._held.undecided:
            self._settle()
        if self._marked is not None and self._read == self._in_rest:
            self._end_rest(self._marked)
        elif self._tagged or self._read == self._in_code:
            self._end_code(truncated=cut_code)
        elif blank_is_text and (not self._out.calls or self._held.fenced):
            self._say(self._held.between)
        self._held, self._code = Held(), []
        self._fence.reset()
        self._read = self._in_text
        self._line.clear()
        self._listing, self._amid = None, False
        self._marked = None
        self._waiting = True

    def _end_candidate(self, candidate: Candidate, *, truncated: bool) -> None:
        outcomes = candidate.unfinished(truncated=truncated)
        if outcomes is None:
            self._fail(candidate)
            return
        self._settle()
        self._add(outcomes)
        self._candidate = None

    def _end_code(self, *, truncated: bool) -> None:
        code, said = self._held.between + "".join(self._code), ""
        if self._toolbox.code_interpreter and not truncated:
            code, said = without_fence(code)
        self._tagged = False
        self._out.add(code_call(self._toolbox, code, truncated=truncated))
        self._say(said)

    def _end_rest(self, first: int) -> None:
        rest = "".join(self._code)
        if goes_on(rest):
            self._out.spoil(first, rest)
        else:
            self._say(rest)

    def _end_header(self) -> None:
        if self._read == self._in_header:
            self._foreign = "".join(self._role).strip() != "assistant"
            self._role = []
            self._read = self._in_text
            self._newlines = 2

    def _end_role(self) -> None:
        role, self._role = "".join(self._role), []
        self._read = self._in_text
        self._say(role)


def parse(
    text: str,
    tools: Sequence[ToolLike] = (),
    code_interpreter: bool = True,
    builtin_tools: Sequence[str] = BUILTIN_TOOLS,
    *,
    truncated: bool = False,
) -> AIMessage:
    """Reads a whole assistant message.

    Args:
        text: What the model wrote, control tokens visible by name.
        tools: See `StreamParser`.
        code_interpreter: See `StreamParser`.
        builtin_tools: See `StreamParser`.
        truncated: Whether the message was cut off.

    Returns:
        The message, as `StreamParser.finish` returns it.
    """
    parser = StreamParser(tools, code_interpreter, builtin_tools)
    parser.feed(text)
    return parser.finish(truncated)
