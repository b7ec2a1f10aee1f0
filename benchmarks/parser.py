"""What reading a message token by token costs as it grows, beside other streaming parsers; and one more turn.

Every figure is a median of rounds in which all contestants take turns in one process. transformers' parser is
given a response template for Llama 3's tagged JSON; SGLang's detector takes part where it can be imported.
A parser that looks at a message again with every token costs more for each token the longer the message is.
"""

import datetime
import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

from langchain_core.messages import HumanMessage
from transformers.utils.chat_parsing.response_parser import ResponseParser

from llama3_agent.engine._source import folder_of
from llama3_agent.engine._tokenizer import load_tokenizer
from llama3_prompts import Codec, StreamParser, Transcript

LENGTHS = (250, 1000, 4000, 16000)
HISTORY = (1_000, 10_000, 100_000)
ROUNDS = 3
TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "fields": {
        "tool_calls": {"open": "<|python_tag|>", "close": "<|eom_id|>", "repeats": True, "content": "json"},
        "content": {"close": "<|eot_id|>", "content": "text"},
    },
}
WORDS = "Remember to buy bread, (fresh) milk and {two} lemons; it's for Ada's cake. "

Feed = Callable[[str], object]
Finish = Callable[[], object]
Start = Callable[[], tuple[Feed, Finish]]
"""Makes a fresh parser: what takes a token, and what gives the arguments of the call at the end."""


def note(text: str) -> str:
    """Takes a note.

    Args:
        text: What to remember.
    """
    return text


def ours() -> tuple[Feed, Finish]:
    """Our parser."""
    parser = StreamParser([note])
    return parser.feed, lambda: parser.finish().tool_calls[0]["args"]


def transformers() -> tuple[Feed, Finish]:
    """transformers' parser."""
    parser = ResponseParser(TEMPLATE, prefix="", tools=[note])
    return parser.feed, lambda: parser.finalize()[0]["tool_calls"][0]["parameters"]


def sglang() -> tuple[Feed, Finish]:
    """SGLang's detector for Llama 3."""
    from sglang.srt.entrypoints.openai.protocol import Tool
    from sglang.srt.function_call.llama32_detector import Llama32Detector

    schema = {"name": "note", "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}
    tools, detector = [Tool(type="function", function=schema)], Llama32Detector()
    found: list[str] = []

    def feed(chunk: str) -> None:
        found.extend(call.parameters for call in detector.parse_streaming_increment(chunk, tools).calls)

    return feed, lambda: json.loads("".join(found))


def contestants() -> dict[str, Start]:
    """Those that can run here."""
    readers: dict[str, Start] = {"ours": ours, "transformers": transformers}
    if find_spec("sglang"):
        return {**readers, "SGLang": sglang}
    print("SGLang cannot be imported here and is left out")
    return readers


def message(codec: Codec, tokens: int) -> tuple[list[str], dict[str, str]]:
    """A call of about so many tokens, in the pieces that the tokenizer makes, and its arguments."""
    args = {"text": (WORDS * (tokens // 10))[: 3 * tokens]}
    source = json.dumps({"type": "function", "name": "note", "parameters": args})
    pieces = [codec.decode([token]) for token in codec.encode(source)[:tokens]]
    rest = source[len("".join(pieces)) :]
    return ["<|python_tag|>", *pieces, rest, "<|eom_id|>"], args


def microseconds(start: Start, chunks: list[str], args: dict[str, str]) -> float:
    """What one token costs, and a check that the call was read."""
    feed, finish = start()
    began = time.perf_counter()
    for chunk in chunks:
        feed(chunk)
    found = finish()
    spent = time.perf_counter() - began
    if found != args:
        raise SystemExit(f"a parser read {str(found)[:60]!r}")
    return spent / len(chunks) * 1e6


def compare(codec: Codec) -> None:
    """Costs a token by length of the message."""
    readers = contestants()
    print(f"{'tokens':>8}" + "".join(f"{name + ' µs/token':>24}" for name in readers))
    for length in LENGTHS:
        chunks, args = message(codec, length)
        rounds = [[microseconds(reader, chunks, args) for reader in readers.values()] for _ in range(ROUNDS)]
        costs = [median(column) for column in zip(*rounds, strict=True)]
        ratios = ["", *(f" ({cost / costs[0]:.1f}x)" for cost in costs[1:])]
        line = "".join(f"{f'{cost:.1f}{ratio}':>24}" for cost, ratio in zip(costs, ratios, strict=True))
        print(f"{len(chunks):>8}{line}")


def one_more_turn(tokenizer: object) -> None:
    """What a message costs to append after a long history."""
    for length in HISTORY:
        transcript = Transcript(tokenizer, today=datetime.date(2026, 1, 1))
        while transcript.position < length:
            transcript.append(HumanMessage(WORDS * 40))
        spent = []
        for _ in range(200):
            start = time.perf_counter()
            transcript.append(HumanMessage(WORDS))
            spent.append(time.perf_counter() - start)
        print(f"one more message after {length:>7,} tokens: {median(spent) * 1e6:.0f} µs")


def main() -> None:
    """Print both."""
    tokenizer = load_tokenizer(folder_of("cria", download_bar=False))
    compare(Codec(tokenizer))
    one_more_turn(tokenizer)


if __name__ == "__main__":
    main()
