"""Score a model on freshly generated conversations: each of its messages, after the true history.

    python examples/cria/score.py --conversations 500

The conversations come from seeds that training never uses. A message counts as right in its tool choice when
it calls the same tools (or none), in its arguments when it makes the same calls, and as exact when every
token is the same. Calls of functions are decoded under their grammar where llguidance is installed, as the
agent does it; ``--free`` goes without.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data import encode
from rich.console import Console
from rich.progress import track
from rich.table import Table
from train import HELD_OUT
from world.conversation import Segment
from world.generate import conversation

from llama3_agent import Llama, Sampling
from llama3_agent._agent import can_constrain
from llama3_prompts import Grammar, Transcript, parse

FIRST_SEED = HELD_OUT + 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that the model should write, and what comes before it."""

    history: list[Segment]
    wanted: str


def messages(segments: list[Segment]) -> Iterator[Asked]:
    """The model's messages of a conversation."""
    for at, segment in enumerate(segments):
        if segment.learn:
            yield Asked(segments[:at], segment.text)


def calls(text: str) -> list[tuple[str, object]]:
    """The calls of a message, read without knowing the tools' signatures."""
    if re.match(r"(<\|python_tag\|>)?\{\"", text):
        return [("function", text)]
    message = parse(text, (), code_interpreter=True)
    return [(call["name"], call["args"]) for call in message.tool_calls]


def names(text: str) -> list[str]:
    """The names of the tools that a message calls."""
    if match := re.match(r"(?:<\|python_tag\|>)?\{.*?\"name\": \"([^\"]+)\"", text):
        return [match[1]]
    return [name for name, _ in calls(text)]


def judge(wanted: str, written: str) -> dict[str, bool]:
    """What is right about a message, by measure."""
    marks = {"tool choice": names(wanted) == names(written), "exact": wanted == written}
    if calls(wanted):
        marks["arguments"] = calls(wanted) == calls(written)
    else:
        marks["answer"] = wanted == written
    return marks


def grammar(llama: Llama, segments: list[Segment]) -> Grammar | None:
    """The grammar of the functions that a conversation's system message declares, one a line."""
    lines = segments[0].text.removesuffix("<|eot_id|>").split("\n")
    schemas = [json.loads(line) for line in lines if line.startswith('{"type": "function"')]
    return Transcript(llama.tokenizer, tools=schemas, dialect="json").call_grammar()


def score(
    llama: Llama, seeds: range, misses: Path | None, *, free: bool
) -> tuple[Counter[str], Counter[str]]:
    """Count right and all messages by measure."""
    right, total = Counter[str](), Counter[str]()
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in track(seeds, "conversations", console=Console(stderr=True)):
            segments = conversation(seed, Path(scratch))
            held_to = None if free else grammar(llama, segments)
            for asked in messages(segments):
                ids, _ = encode(llama.tokenizer, asked.history, limit=None)
                limit = len(llama.tokenizer.encode(asked.wanted)) + 20
                if len(ids) + limit > llama.context_length:
                    break
                sampling = Sampling(max_tokens=limit)
                done = llama.complete(ids.tolist(), session=str(seed), sampling=sampling, grammar=held_to)
                written = llama.tokenizer.decode(done.ids)
                for measure, mark in judge(asked.wanted, written).items():
                    right[measure] += mark
                    total[measure] += 1
                if asked.wanted != written:
                    lines += [f"seed {seed}", f"question: {_question(asked)}"]
                    lines += [f"wanted:  {asked.wanted}", f"written: {written}", ""]
            llama.release(str(seed))
    if misses is not None:
        misses.write_text("\n".join(lines), encoding="utf-8")
    return right, total


def _question(asked: Asked) -> str:
    turns = [segment.text for segment in asked.history if "<|start_header_id|>user" in segment.text]
    return turns[-1].partition("\n\n")[2]


def main() -> None:
    """Print a table of scores."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", default="cria")
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--misses", type=Path, help="file for the messages that went wrong")
    parser.add_argument("--free", action="store_true", help="without the grammar of the functions")
    arguments = parser.parse_args()
    free = arguments.free or not can_constrain()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.conversations)
    right, total = score(Llama(arguments.model), seeds, arguments.misses, free=free)
    table = Table("measure", "right", "of", "share")
    for measure, count in total.items():
        table.add_row(measure, str(right[measure]), str(count), f"{right[measure] / count:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
