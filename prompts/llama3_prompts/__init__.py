"""Llama 3's conversation format: text to token ids and back, and the reading of its tool calls."""

from llama3_prompts._codec import Codec, Piece, StreamDecoder
from llama3_prompts._families import detect_family
from llama3_prompts._forms import Dialect
from llama3_prompts._grammar import Grammar, ToolChoice, json_grammar
from llama3_prompts._parser import StreamParser, parse
from llama3_prompts._results import CodeStatus, code_output
from llama3_prompts._system import DEFAULT_INSTRUCTIONS, system_text
from llama3_prompts._tokenizer import Tokenizer
from llama3_prompts._toolbox import argument_problem
from llama3_prompts._transcript import DECLARES, Span, Transcript
from llama3_prompts.events import Event, TextDelta, ToolCallDelta

__all__ = [
    "DECLARES",
    "DEFAULT_INSTRUCTIONS",
    "CodeStatus",
    "Codec",
    "Dialect",
    "Event",
    "Grammar",
    "Piece",
    "Span",
    "StreamDecoder",
    "StreamParser",
    "TextDelta",
    "Tokenizer",
    "ToolCallDelta",
    "ToolChoice",
    "Transcript",
    "argument_problem",
    "code_output",
    "detect_family",
    "json_grammar",
    "parse",
    "system_text",
]
