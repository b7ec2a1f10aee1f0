"""What it costs to hold a call to the grammar of its tool, and what it saves.

Per token: finding out what may come next, for Llama 3's vocabulary and for the embedded model's. Per call:
the embedded model answers the same question with and without the grammar, in turns in one process;
tokens that leave no choice are computed together.
"""

import importlib.metadata
import time
from pathlib import Path
from statistics import median
from typing import Any, Literal

from langchain_core.messages import HumanMessage
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

from llama3_agent import Llama
from llama3_agent.engine._guide import Guides
from llama3_prompts import Transcript

ROUNDS = 15
SPECIAL = (
    "begin_of_text",
    "end_of_text",
    "start_header_id",
    "end_header_id",
    "eom_id",
    "eot_id",
    "python_tag",
)
CALL = (
    '<|python_tag|>{"type": "function", "name": "convert_currency", '
    '"parameters": {"amount": 250, "source": "USD", "target": "EUR"}}'
)


def convert_currency(
    amount: float, source: Literal["EUR", "GBP", "USD"], target: Literal["EUR", "GBP", "USD"]
) -> str:
    """Convert an amount of money from one currency to another.

    Args:
        amount: How much.
        source: Currency to convert from.
        target: Currency to convert to.
    """
    return f"{amount} {source} in {target}"


def set_light(room: str, state: Literal["on", "off"]) -> str:
    """Switch a light.

    Args:
        room: Which room.
        state: On or off.
    """
    return f"{room} {state}"


def llama3_tokenizer() -> PreTrainedTokenizerFast:
    """Llama 3's 128,000 pieces, with the special tokens that a call needs."""
    files = importlib.metadata.files("llama-models") or []
    path = next(
        Path(str(file.locate())) for file in files if file.name == "tokenizer.model" and "llama3" in str(file)
    )
    specials = [f"<|{name}|>" for name in SPECIAL]
    return PreTrainedTokenizerFast(
        tokenizer_object=TikTokenConverter(str(path), extra_special_tokens=specials).converted()
    )


def conversation(tokenizer: Any) -> Transcript:
    """A question that takes a call."""
    talk = Transcript(tokenizer, tools=[convert_currency, set_light], code_interpreter=True)
    talk.append(HumanMessage("Convert 250 USD to EUR."))
    return talk


def per_token(tokenizer: Any) -> tuple[float, float, float]:
    """Seconds for the first use of a grammar, microseconds for a token, share of tokens without a choice."""
    talk = conversation(tokenizer)
    stops = frozenset(tokenizer.convert_tokens_to_ids(["<|eot_id|>", "<|eom_id|>"]))
    began = time.perf_counter()
    guides = Guides(tokenizer, stops, len(tokenizer))
    grammar = talk.call_grammar()
    assert grammar is not None
    guides.guide(grammar)
    first = time.perf_counter() - began
    ids = tokenizer.encode(CALL, add_special_tokens=False)
    seconds, forced = [], 0
    for _ in range(ROUNDS):
        guide, forced, at = guides.guide(grammar), 0, 0
        while at < len(ids):
            began = time.perf_counter()
            guide.allowed()
            following = guide.accept(ids[at])
            seconds.append(time.perf_counter() - began)
            at += 1
            assert ids[at : at + len(following)] == following
            for token in following:
                guide.accept(token)
            forced, at = forced + len(following), at + len(following)
    return first, median(seconds) * 1e6, forced / len(ids)


def per_call(llama: Llama) -> dict[bool, list[float]]:
    """Milliseconds for one message after a prompt that is cached, with and without the grammar."""
    talk = conversation(llama.tokenizer)
    prompt, grammar = talk.open_assistant(), talk.call_grammar()
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(ROUNDS):
        for held in times:
            done = llama.complete(prompt, grammar=grammar if held else None)
            assert done.finish == "stop"
            times[held].append(done.seconds * 1000)
    return times


def main() -> None:
    """Print the figures."""
    llama = Llama("cria", device="cpu", progress=False)
    for name, tokenizer in (("cria", llama.tokenizer), ("Llama 3", llama3_tokenizer())):
        first, each, forced = per_token(tokenizer)
        print(
            f"{name}: {len(tokenizer):,} tokens; first use {first:.2f} s, then {each:.0f} µs a token; "
            f"{forced:.0%} of a call's tokens leave no choice"
        )
    times = per_call(llama)
    held, free = median(times[True]), median(times[False])
    print(f"a call by cria: {held:.1f} ms with the grammar, {free:.1f} ms without ({free / held:.2f} times)")


if __name__ == "__main__":
    main()
