"""Text to token ids and back, with control tokens and typed text kept apart."""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from llama3_prompts._tokenizer import (
    BEGIN_OF_TEXT,
    CONTROLS,
    END_HEADER,
    END_OF_TEXT,
    EOM,
    EOT,
    PYTHON_TAG,
    START_HEADER,
    TERMINATORS,
    Tokenizer,
)

_FRAMING: Final = (BEGIN_OF_TEXT, END_OF_TEXT, START_HEADER, END_HEADER, EOT)
_TOOLS: Final = (EOM, PYTHON_TAG)
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of decoded text.

    Attributes:
        text: The characters; for a control token its name, such as ``<|eot_id|>``.
        special: Whether this is one control token. Typed text that merely looks like one is not.
    """

    text: str
    special: bool = False


class Codec:
    """Encodes text so that nothing in it can become a control token, and decodes ids without losing the
    difference.

    Args:
        tokenizer: A fast byte-level BPE tokenizer with Llama 3's special tokens by name.
        tools: Whether it must have those of tool calls too, which the first Llama 3 has not.

    Raises:
        ValueError: The tokenizer lacks one of the tokens that Llama 3's format needs.
    """

    def __init__(self, tokenizer: Tokenizer, *, tools: bool = True) -> None:
        self._tokenizer = tokenizer
        self._names = {i: str(t.content) for i, t in tokenizer.added_tokens_decoder.items() if t.special}
        self._ids = {name: i for i, name in self._names.items()}
        missing = [name for name in _FRAMING + (_TOOLS if tools else ()) if name not in self._ids]
        if missing:
            raise ValueError(
                f"the tokenizer has no special token {', '.join(missing)}; "
                "give one with Llama 3's special tokens"
            )
        self._splitter = re.compile(
            "|".join(re.escape(n[0]) + "(?=" + re.escape(n[1:]) + ")" for n in self._ids)
        )
        self._bytes: dict[int, bytes] = {}

    @property
    def special_ids(self) -> dict[str, int]:
        """The id of every special token, by name."""
        return dict(self._ids)

    @property
    def stop_ids(self) -> frozenset[int]:
        """The ids on which generation stops."""
        return frozenset(self._ids[name] for name in TERMINATORS if name in self._ids)

    def special(self, name: str) -> int:
        """The id of the control token `name`.

        Raises:
            KeyError: There is no such control token.
        """
        return self._ids[name]

    def name(self, token: int) -> str | None:
        """The name of a control token, None for an ordinary one."""
        return self._names.get(token)

    def encode(self, text: str) -> list[int]:
        """The ids of a text in which control tokens are inert: a typed ``<|eot_id|>`` stays seven plain
        pieces.

        Lone surrogates, which have no UTF-8 form, become U+FFFD.

        Raises:
            ValueError: The tokenizer turns this text into a control token whatever is done; nothing is
                encoded.
        """
        text = well_formed(text)
        ids = self._inert(text)
        if self._names.keys().isdisjoint(ids):
            return ids
        ids = self._inert_in_parts(text)
        if self._names.keys().isdisjoint(ids):
            return ids
        raise ValueError("the tokenizer reads plain text as control tokens; use a fast (Rust) tokenizer")

    def _inert(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))

    def _inert_in_parts(self, text: str) -> list[int]:
        # For a tokenizer that ignores split_special_tokens: no part holds a whole name.
        ids: list[int] = []
        start = 0
        for match in self._splitter.finditer(text):
            ids += self._inert(text[start : match.end()])
            start = match.end()
        return ids + self._inert(text[start:])

    def header(self, role: str) -> list[int]:
        """The ids that open a message of `role`, with the blank line after them."""
        # The blank line is encoded by itself, as in Meta's encoder: it never merges with the body.
        return [
            self.special(START_HEADER),
            *self.encode(role),
            self.special(END_HEADER),
            *self.encode("\n\n"),
        ]

    def token_bytes(self, token: int) -> bytes:
        """The bytes an ordinary token stands for; those of U+FFFD for an id outside the vocabulary."""
        known = self._bytes.get(token)
        if known is None:
            known = self._bytes[token] = _to_bytes(self._spelling(token))
        return known

    def _spelling(self, token: int) -> str | None:
        if token < 0:
            return None
        return self._tokenizer.convert_ids_to_tokens([token])[0]

    def pieces(self, ids: Iterable[int]) -> list[Piece]:
        """The decoded text of `ids`, cut at the control tokens."""
        decoder = StreamDecoder(self)
        merged: list[Piece] = []
        text: list[str] = []
        for token in ids:
            for piece in decoder.feed_piece(token):
                if not piece.special:
                    text.append(piece.text)
                    continue
                _flush(text, merged)
                merged.append(piece)
        text.append(decoder.finish())
        _flush(text, merged)
        return merged

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`, control tokens by name. Bytes that are no UTF-8 become U+FFFD."""
        return "".join(piece.text for piece in self.pieces(ids))


class StreamDecoder:
    """Turns ids into text one at a time; a character split over several tokens comes out whole, once.

    Each call costs what its own token costs, however long the text already is.

    Args:
        tokenizer: A tokenizer, or a `Codec` that already wraps one.
    """

    def __init__(self, tokenizer: Tokenizer | Codec) -> None:
        self._codec = tokenizer if isinstance(tokenizer, Codec) else Codec(tokenizer)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """The text that `token` completes, control tokens by name; empty in the middle of a character."""
        return "".join(piece.text for piece in self.feed_piece(token))

    def feed_piece(self, token: int) -> list[Piece]:
        """Like `feed`, with control tokens told apart from typed text: none, one or two pieces."""
        name = self._codec.name(token)
        if name is None:
            text = self._utf8.decode(self._codec.token_bytes(token))
            return [Piece(text)] if text else []
        rest = self.finish()
        control = Piece(name, special=True)
        return [Piece(rest), control] if rest else [control]

    def finish(self) -> str:
        """U+FFFD for a character left unfinished, otherwise nothing. The decoder is then as new."""
        rest = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return rest


@functools.cache
def _names_pattern(names: frozenset[str]) -> re.Pattern[str]:
    return re.compile("(" + "|".join(re.escape(name) for name in sorted(names)) + ")")


def split_controls(text: str, names: Iterable[str] = CONTROLS) -> list[Piece]:
    """Cuts a text with visible control tokens into pieces, every name taken for the token itself."""
    parts = _names_pattern(frozenset(names)).split(text)
    return [Piece(part, special=bool(i % 2)) for i, part in enumerate(parts) if part]


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced, so that it has a UTF-8 form."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _flush(text: list[str], merged: list[Piece]) -> None:
    joined = "".join(text)
    if joined:
        merged.append(Piece(joined))
    text.clear()


def _to_bytes(spelling: str | None) -> bytes:
    if spelling is None:
        return _REPLACEMENT.encode()
    values = [_byte(character) for character in spelling]
    if None in values:
        # An added token that is not special is spelled as itself.
        return spelling.encode()
    return bytes(value for value in values if value is not None)


def _byte(character: str) -> int | None:
    """The byte a character of a byte-level vocabulary stands for (GPT-2's printable alphabet)."""
    return _ALPHABET.get(character)


def _alphabet() -> dict[str, int]:
    printable: Sequence[int] = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [value for value in range(256) if value not in printable]
    table = {chr(value): value for value in printable}
    table.update({chr(0x100 + i): value for i, value in enumerate(others)})
    return table


_ALPHABET: Final = _alphabet()
