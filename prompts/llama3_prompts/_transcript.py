"""The one truth of a conversation: a list of token ids that only grows, with the messages as a view of it."""

from __future__ import annotations

import copy
import datetime
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.messages.ai import UsageMetadata

from llama3_prompts._codec import Codec
from llama3_prompts._content import count_images
from llama3_prompts._families import FAMILIES
from llama3_prompts._forms import DIALECTS, Dialect, declaration
from llama3_prompts._grammar import Grammar, ToolChoice, call_grammar
from llama3_prompts._parser import StreamParser
from llama3_prompts._render import assistant_pieces
from llama3_prompts._system import DEFAULT_INSTRUCTIONS, system_text
from llama3_prompts._template import ChatTemplate
from llama3_prompts._tokenizer import BEGIN_OF_TEXT, EOT, IMAGE, PYTHON_TAG, Tokenizer
from llama3_prompts._toolbox import Tool, Toolbox

_ROLES: Final = ((SystemMessage, "system"), (HumanMessage, "user"), (ToolMessage, "ipython"))
_STATE_VERSION: Final = 2
DECLARES: Final = "llama3_tools"
"""Where a message that only declares tools names them, in its ``additional_kwargs``."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where one message lies in the transcript: ``ids[start:end]``, header and terminator included."""

    start: int
    end: int


class Transcript:
    """A conversation with a Llama 3 model.

    What people and tools write is encoded once, with control tokens inert. What the model wrote is kept
    exactly as it came. Nothing is ever rendered a second time, so each prompt begins with all the ids of the
    one before.

    Args:
        tokenizer: A fast tokenizer with Llama 3's special tokens by name.
        family: "3.1", "3.2" or "3.3"; or "3", the first Llama 3: plain chat, for that model knows no tools.
        instructions: What the assistant is told in the system message.
        tools: Custom tools: typed functions, LangChain tools, pydantic models or OpenAI function schemas.
        builtin_tools: Tools that the model knows by training, such as ``brave_search``.
        code_interpreter: Whether the model may write Python to be run.
        today: The date the model is told; today's by default, and fixed from then on.
        dialect: How custom tools are declared and called: "json", "list" or "tag". By default the family's
            own: a list for 3.2 and 3.3 where custom tools are all there is, JSON otherwise.
        tools_in: Whether the "system" message declares the custom tools, or a "user" message after it.
        template: "own" for the forms above; "checkpoint" to write what people and tools say as the chat
            template in the tokenizer does, tools and dates included.

    Raises:
        ValueError: An option is none of its choices, the family knows no tools, the tokenizer lacks the
            special tokens, or its chat template cannot be followed.
    """

    _template: ChatTemplate | None

    def __init__(
        self,
        tokenizer: Tokenizer,
        family: str = "3.1",
        *,
        instructions: str = DEFAULT_INSTRUCTIONS,
        tools: Sequence[Any] = (),
        builtin_tools: Sequence[str] = (),
        code_interpreter: bool = False,
        today: datetime.date | None = None,
        dialect: Dialect | None = None,
        tools_in: Literal["system", "user"] = "system",
        template: Literal["own", "checkpoint"] = "own",
    ) -> None:
        _check_choice("tools_in", tools_in, ("system", "user"))
        _check_choice("template", template, ("own", "checkpoint"))
        self._start_empty(tokenizer, family, Toolbox(tools, code_interpreter, builtin_tools), dialect)
        today = today or datetime.date.today()
        if template == "checkpoint":
            followed = self._template = self._checkpoint_template(tokenizer, today)
            self._add(SystemMessage(instructions), followed.opening(instructions))
        else:
            self._open(instructions, today, tools_in)

    def _open(self, instructions: str, today: datetime.date, tools_in: str) -> None:
        schemas = self._toolbox.schemas
        text = instructions
        if self._family.tools:
            text = system_text(
                instructions=instructions,
                schemas=schemas if tools_in == "system" else (),
                builtin_tools=self._toolbox.builtin_tools,
                code_interpreter=self._toolbox.code_interpreter,
                today=today,
                dialect=self._dialect,
            )
        self._ids.append(self._codec.special(BEGIN_OF_TEXT))
        self._add_plain(SystemMessage(text), "system")
        if schemas and tools_in == "user":
            self.append(self._declaration(self._toolbox.described))

    def _start_empty(
        self, tokenizer: Tokenizer, family: str, toolbox: Toolbox, dialect: Dialect | None
    ) -> None:
        _check_choice("family", family, tuple(FAMILIES))
        _check_choice("dialect", dialect, (*DIALECTS, None))
        self._family = FAMILIES[family]
        if not self._family.tools and toolbox.names:
            raise ValueError(
                f"Llama 3 (family {family!r}) knows no tools, but was offered {', '.join(toolbox.names)}; "
                "use a Llama 3.1, 3.2 or 3.3, or offer neither tools nor a code interpreter"
            )
        self._codec = Codec(tokenizer, tools=self._family.tools)
        self._dialect = dialect or self._family.dialect_for(environment=bool(toolbox.dotted))
        self._toolbox = toolbox
        self._template = None
        self._ids: list[int] = []
        self._spans: list[Span] = []
        self._messages: list[BaseMessage] = []
        self._calls = 0

    def _checkpoint_template(self, tokenizer: Tokenizer, today: datetime.date) -> ChatTemplate:
        return ChatTemplate(
            tokenizer,
            self._codec,
            schemas=self._toolbox.schemas,
            builtin_tools=self._toolbox.dotted,
            today=today,
        )

    @property
    def ids(self) -> tuple[int, ...]:
        """Every id of the conversation, from ``<|begin_of_text|>`` to the last terminator."""
        return tuple(self._ids)

    @property
    def messages(self) -> list[BaseMessage]:
        """Copies of the messages, the system message first, one for each of `spans`."""
        return copy.deepcopy(self._messages)

    @property
    def last(self) -> BaseMessage:
        """A copy of the last message. There always is one: the system message."""
        return copy.deepcopy(self._messages[-1])

    @property
    def spans(self) -> tuple[Span, ...]:
        """Where each message lies in `ids`."""
        return tuple(self._spans)

    @property
    def codec(self) -> Codec:
        """The encoder and decoder of this conversation."""
        return self._codec

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the custom tools that the model has been told of."""
        return tuple(tool.name for tool in self._toolbox.described)

    @property
    def family(self) -> str:
        """The model family the conversation is written for."""
        return self._family.name

    @property
    def position(self) -> int:
        """The number of ids so far; a place to `rewind` to."""
        return len(self._ids)

    def append(self, message: BaseMessage) -> None:
        """Adds a message that this model did not generate here.

        An `AIMessage` from elsewhere is rendered once, in the form the model was trained to write. Each image
        of a `HumanMessage` becomes one ``<|image|>`` before the text; the pixels go to the engine.

        Raises:
            TypeError: Llama 3's format has no such message, or no such part of its content.
            ValueError: It holds an image, and the family or the tokenizer knows none.
        """
        if isinstance(message, AIMessage):
            count_images(message)
            self._add_foreign(message)
            return
        for kind, role in _ROLES:
            if isinstance(message, kind):
                self._add_plain(message, role, self._images(message))
                return
        raise TypeError(
            f"cannot add a {type(message).__name__}; "
            "use a SystemMessage, HumanMessage, AIMessage or ToolMessage"
        )

    def open_assistant(self) -> list[int]:
        """What to generate from: all ids and the assistant's header. The transcript does not change."""
        return self._ids + self._codec.header("assistant")

    def add_generated(self, ids: Sequence[int], *, usage: UsageMetadata | None = None) -> AIMessage:
        """Adds what the model generated after `open_assistant`, exactly as it came.

        Args:
            ids: The generated ids, with the terminator if there was one. Without one the message counts as
                cut off, and the transcript closes it with ``<|eot_id|>``.
            usage: What it cost, for the message's `usage_metadata`.

        Returns:
            The message as read by the parser, with call ids that are unique in this conversation.
        """
        cut = not ids or ids[-1] not in self._codec.stop_ids
        parser = self.parser()
        for piece in self._codec.pieces(ids):
            parser.feed(piece)
        message = parser.finish(truncated=cut)
        message.usage_metadata = usage
        ending = [self._codec.special(EOT)] if cut else []
        self._add(message, [*self._codec.header("assistant"), *ids, *ending])
        return message

    def add_tools(self, tools: Sequence[Any]) -> None:
        """Offers more custom tools from here on, declared in a user message: the ids before it stay.

        Args:
            tools: As for a new transcript.

        Raises:
            ValueError: A name is taken, or the family knows no tools.

        Source: Meta's prompt formats for Llama 3.1 and 3.2, with the tools in a user message.
        """
        if not self._family.tools:
            raise ValueError(f"Llama 3 (family {self.family!r}) knows no tools; use a Llama 3.1, 3.2 or 3.3")
        before, self._toolbox = self._toolbox, self._toolbox.widened(tools)
        self.append(self._declaration(self._toolbox.described[len(before.described) :]))

    def parser(self) -> StreamParser:
        """A parser for the next assistant message: same tools, and the call ids `add_generated` will give."""
        return StreamParser.from_toolbox(self._toolbox, first_call=self._calls + 1)

    def call_grammar(self, choice: ToolChoice = "auto") -> Grammar | None:
        """What calls may be in the next message, for engines that can be held to it.

        Args:
            choice: "auto" leaves everything but calls free, and code is no call; "required" asks for a call
                or code, a tool's name for a call of that one.

        Returns:
            None when nothing is to be held to.

        Raises:
            ValueError: The choice names no tool.
        """
        marked = PYTHON_TAG in self._codec.special_ids
        return call_grammar(self._toolbox, self._dialect, marked=marked, choice=choice)

    def rewind(self, position: int) -> None:
        """Forgets everything after `position`, tools that were added there too.

        Args:
            position: An earlier `position`, or the end of one of the `spans`.

        Raises:
            ValueError: No message ends there.
        """
        kept = [span for span in self._spans if span.end <= position]
        if not kept or kept[-1].end != position:
            raise ValueError(
                f"cannot rewind to {position!r}: no message ends there; use an earlier .position"
            )
        self._withdraw(self._messages[len(kept) :])
        del self._ids[position:], self._spans[len(kept) :], self._messages[len(kept) :]

    def edited(self, changes: Mapping[int, BaseMessage | None]) -> Transcript:
        """A conversation of its own, in which some messages are others or are missing.

        All the others keep their ids, and the numbers of calls go on.

        Args:
            changes: By the index of a message, what stands in its place; None for nothing.

        Raises:
            ValueError: The first message is to be changed.
            TypeError: Llama 3's format has no such message.
        """
        if 0 in changes:
            raise ValueError("the system message that a conversation begins with stays as it is")
        twin = self.branch()
        twin._ids, twin._spans, twin._messages = [], [], []
        for index, (span, message) in enumerate(zip(self._spans, self._messages, strict=True)):
            changed = changes.get(index, message)
            if changed is message:
                twin._add(message, self._ids[span.start : span.end])
            elif changed is not None:
                twin.append(changed)
        twin._withdraw([self._messages[index] for index in changes])
        return twin

    def branch(self) -> Transcript:
        """A conversation of its own that begins with this one's ids."""
        twin = copy.copy(self)
        twin._ids, twin._spans, twin._messages = self._ids[:], self._spans[:], self._messages[:]
        return twin

    def to_state(self) -> dict[str, Any]:
        """Everything needed to continue elsewhere, as JSON-able values."""
        return {
            "version": _STATE_VERSION,
            "family": self._family.name,
            "dialect": self._dialect,
            "template": self._template.today.isoformat() if self._template else None,
            "special_ids": self._codec.special_ids,
            "toolbox": self._toolbox.to_state(),
            "calls": self._calls,
            "ids": list(self._ids),
            "spans": [[span.start, span.end] for span in self._spans],
            "messages": messages_to_dict(self._messages),
        }

    @classmethod
    def from_state(
        cls, tokenizer: Tokenizer, state: Mapping[str, Any], *, tools: Sequence[Any] | None = None
    ) -> Transcript:
        """The conversation that `to_state` described.

        Args:
            tokenizer: The tokenizer it was written with.
            state: What `to_state` returned.
            tools: The live tools, for their own validation; by default arguments are checked by the stored
                schemas. A warning names those that are no longer as the model was told.

        Raises:
            ValueError: The state is of another version, or was written with another tokenizer.
        """
        if state.get("version") != _STATE_VERSION:
            raise ValueError(f"cannot read a transcript state of version {state.get('version')!r}")
        twin = cls.__new__(cls)
        toolbox = Toolbox.from_state(state["toolbox"], tools)
        for change in toolbox.changes_since(state["toolbox"]):
            warnings.warn(f"this conversation began with other tools: {change}", stacklevel=2)
        twin._start_empty(tokenizer, state["family"], toolbox, state["dialect"])
        if twin._codec.special_ids != state["special_ids"]:
            raise ValueError("the transcript was written with another tokenizer; load that one")
        if state["template"]:
            today = datetime.date.fromisoformat(state["template"])
            twin._template = twin._checkpoint_template(tokenizer, today)
        twin._calls = state["calls"]
        twin._ids = list(state["ids"])
        twin._spans = [Span(start, end) for start, end in state["spans"]]
        twin._messages = list(messages_from_dict(state["messages"]))
        return twin

    def _declaration(self, tools: Sequence[Tool]) -> HumanMessage:
        text = declaration([tool.schema for tool in tools], self._dialect)
        return HumanMessage(text, additional_kwargs={DECLARES: [tool.name for tool in tools]})

    def _withdraw(self, removed: Sequence[BaseMessage]) -> None:
        """Offers no more what only these messages declared."""
        names = {name for message in removed for name in message.additional_kwargs.get(DECLARES, ())}
        if names:
            self._toolbox = self._toolbox.narrowed(names)

    def _images(self, message: BaseMessage) -> int:
        """How many images of a message the model is shown."""
        images = count_images(message)
        if not images:
            return 0
        if not self._family.images or IMAGE not in self._codec.special_ids:
            raise ValueError(
                f"this model (family {self._family.name!r}) sees no images; use a vision model of Llama 3.2"
            )
        if self._toolbox.names:
            warnings.warn("Llama 3.2 calls no tools once there is an image in its prompt", stacklevel=3)
        return images

    def _add_plain(self, message: BaseMessage, role: str, images: int = 0) -> None:
        text = str(message.text)
        if self._template:
            first = not any(isinstance(earlier, HumanMessage) for earlier in self._messages)
            self._add(message, self._template.message(role, text, images=images, first=first))
            return
        seen = [self._codec.special(IMAGE) for _ in range(images)]
        ending = self._codec.special(EOT)
        self._add(message, [*self._codec.header(role), *seen, *self._codec.encode(text), ending])

    def _add_foreign(self, message: AIMessage) -> None:
        ids = self._codec.header("assistant")
        for piece in assistant_pieces(message, self._toolbox, self._dialect):
            ids += [self._codec.special(piece.text)] if piece.special else self._codec.encode(piece.text)
        self._add(message, ids)

    def _add(self, message: BaseMessage, ids: list[int]) -> None:
        start = len(self._ids) if self._spans else 0
        self._ids += ids
        self._spans.append(Span(start, len(self._ids)))
        self._messages.append(copy.deepcopy(message))
        if isinstance(message, AIMessage):
            self._calls = max(self._calls, _last_call(message))


def _check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    if value not in choices:
        raise ValueError(f"{name} cannot be {value!r}; choose among {', '.join(map(repr, choices))}")


def _last_call(message: AIMessage) -> int:
    """The highest number among the message's ids of the form "call_7"."""
    names = [call["id"] or "" for call in (*message.tool_calls, *message.invalid_tool_calls)]
    numbers = [name.removeprefix("call_") for name in names if name.startswith("call_")]
    return max((int(number) for number in numbers if number.isdecimal() and len(number) < 10), default=0)
