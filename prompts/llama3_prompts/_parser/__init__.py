"""From what the model wrote to its text and its calls."""

from llama3_prompts._parser._stream_parser import StreamParser, parse

__all__ = ["StreamParser", "parse"]
