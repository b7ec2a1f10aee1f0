"""Generated conversations as token ids, in shards on disk, written by one process while another trains."""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import numpy as np
from tokenizer import load
from transformers import PreTrainedTokenizerFast
from world.conversation import END, Segment
from world.generate import conversation

MAX_TOKENS = 2048
SCRATCH = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
"""Where the generated files lie while code reads them: in memory where that is possible."""
SHARD = 2000
Example = tuple[np.ndarray, np.ndarray]
"""Token ids and, for each, whether the model learns to write it."""


def encode(
    tokenizer: PreTrainedTokenizerFast, segments: Sequence[Segment], limit: int | None = MAX_TOKENS
) -> Example:
    """Ids and learning mask, the first ``limit`` of them.

    A header and the body after it are encoded apart, as the transcript does.
    """
    ids: list[int] = []
    learn: list[bool] = []
    for segment in segments:
        for piece in re.split(rf"(?<={re.escape(END)}\n\n)", segment.text):
            tokens = tokenizer.encode(piece, add_special_tokens=False)
            ids += tokens
            learn += [segment.learn] * len(tokens)
    return np.array(ids[:limit], np.uint16), np.array(learn[:limit], bool)


def write_shard(tokenizer: PreTrainedTokenizerFast, index: int, folder: Path, scratch: Path) -> None:
    """Conversations ``index * SHARD ...`` as one file, visible only when it is whole."""
    examples = [
        encode(tokenizer, conversation(seed, scratch)) for seed in range(index * SHARD, (index + 1) * SHARD)
    ]
    path = folder / f"{index:04d}.npz"
    partial = path.with_suffix(".tmp.npz")
    np.savez(
        partial,
        ids=np.concatenate([ids for ids, _ in examples]),
        learn=np.concatenate([learn for _, learn in examples]),
        ends=np.cumsum([len(ids) for ids, _ in examples]),
    )
    partial.rename(path)


def read_shard(path: Path) -> list[Example]:
    """The examples of one file."""
    shard = np.load(path)
    starts = [0, *shard["ends"][:-1]]
    ids, learn = shard["ids"], shard["learn"]
    return [(ids[a:b], learn[a:b]) for a, b in zip(starts, shard["ends"], strict=True)]


def batches(examples: list[Example], tokens: int, rng: Random) -> Iterator[list[Example]]:
    """Batches of about ``tokens`` tokens each, of examples of like length, in random order."""
    ordered = sorted(examples, key=lambda example: len(example[0]) + rng.random() * 16)
    groups: list[list[Example]] = [[]]
    for example in ordered:
        if groups[-1] and (len(groups[-1]) + 1) * len(example[0]) > tokens:
            groups.append([])
        groups[-1].append(example)
    rng.shuffle(groups)
    yield from groups


def main() -> None:
    """Write shards one after the other."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("work", type=Path, help="the training folder; holds tokenizer/ and receives shards/")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=80)
    arguments = parser.parse_args()
    folder = arguments.work / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = load(arguments.work / "tokenizer")
    for index in range(arguments.first, arguments.first + arguments.shards):
        if not (folder / f"{index:04d}.npz").exists():
            write_shard(tokenizer, index, folder, SCRATCH)
            print(f"shard {index}", flush=True)


if __name__ == "__main__":
    main()
