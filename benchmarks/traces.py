"""How many prompt tokens agents make the engine compute, beside the fewest that are possible.

A seeded trace of interleaved sessions: a system message with its tools that all share, questions, calls,
results, now and then a turn taken back, a second opinion from an earlier point (a fork), a request cancelled
in the middle of its answer. What is new in a prompt is known exactly from the trace itself, so
``ideal / computed`` is 1.00 for an engine that computes nothing twice. The same requests are then replayed
with less and less memory, beside a cache that keeps each session whole and drops the one used longest ago.
"""

import argparse
import random
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine import random_model
from rich.progress import track

from llama3_agent._llama import Llama
from llama3_agent.engine import Completion, Sampling

_LETTERS = 256


@dataclass(slots=True)
class Asked:
    """A request of a trace.

    Attributes:
        session: whose it is.
        prompt: all of its ids.
        most: tokens to generate at most.
        cancel_after: tokens after which it is cancelled, if it is.
        answer: what was generated, once it was.
    """

    session: str
    prompt: list[int]
    most: int
    cancel_after: int | None = None
    answer: list[int] = field(default_factory=list)

    @property
    def computed_ids(self) -> list[int]:
        """All that the model has seen when it ends: not the last token generated."""
        return [*self.prompt, *self.answer[:-1]]


class Known:
    """All prefixes that anybody has computed: what an engine without limits would have."""

    def __init__(self) -> None:
        self._children: dict[int, Any] = {}

    def shared(self, ids: Sequence[int]) -> int:
        """How many of the first ids are known."""
        node = self._children
        for count, token in enumerate(ids):
            if token not in node:
                return count
            node = node[token]
        return len(ids)

    def add(self, ids: Sequence[int]) -> None:
        """All prefixes of `ids` are known from now on."""
        node = self._children
        for token in ids:
            node = node.setdefault(token, {})

    def ideal(self, prompt: Sequence[int]) -> int:
        """The fewest tokens to compute for logits after `prompt`: at least the last."""
        return len(prompt) - min(self.shared(prompt), len(prompt) - 1)


class Conversation:
    """One session of the trace: a list of ids that grows as an agent's does."""

    def __init__(self, name: str, draw: random.Random, system: Sequence[int]) -> None:
        self.name = name
        self._draw = draw
        self._ids = list(system)
        self._turns = [len(self._ids)]
        self._forks = 0
        self._session = name

    def next(self) -> Asked:
        """The next request: a question or a tool's result follows what was said last."""
        draw = self._draw
        roll = draw.random()
        if roll < 0.08 and len(self._turns) > 2:  # a turn taken back
            self._turns.pop()
            del self._ids[self._turns[-1] :]
        elif roll < 0.16 and len(self._turns) > 2:  # another try from an earlier point, beside the first
            del self._turns[draw.randrange(1, len(self._turns)) :]
            del self._ids[self._turns[-1] :]
            self._forks += 1
            self._session = f"{self.name} fork {self._forks}"
        lengths = (20, 60) if draw.random() < 0.4 else (50, 800)
        self._ids += draw.choices(range(_LETTERS), k=draw.randint(*lengths))
        most = draw.randint(20, 60)
        stop = draw.randrange(1, most) if draw.random() < 0.1 else None
        return Asked(self._session, list(self._ids), most, stop)

    def heard(self, asked: Asked) -> None:
        """The answer, or as much of it as came before it was cancelled."""
        self._ids = [*asked.prompt, *asked.answer]
        self._turns.append(len(self._ids))


def trace(seed: int, *, sessions: int, requests: int, system: int) -> Iterator[Asked]:
    """Requests of several sessions by turns; the caller answers each before it takes the next."""
    draw = random.Random(seed)
    shared = draw.choices(range(_LETTERS), k=system)
    talks = [Conversation(str(n), random.Random(f"{seed} {n}"), shared) for n in range(sessions)]
    for _ in range(requests):
        talk = draw.choice(talks)
        asked = talk.next()
        yield asked
        talk.heard(asked)


def complete(llama: Llama, asked: Asked) -> Completion:
    """Have it answered."""
    cancel = threading.Event()
    heard: list[int] = []

    def on_token(token: int) -> None:
        heard.append(token)
        if len(heard) == asked.cancel_after:
            cancel.set()

    answer = llama.complete(
        asked.prompt,
        session=asked.session,
        sampling=Sampling(max_tokens=asked.most),
        on_token=on_token,
        cancel=cancel,
    )
    asked.answer = list(answer.ids)
    return answer


def efficiency(llama: Llama, requests: Iterator[Asked], total: int) -> tuple[list[Asked], int, int]:
    """Answer a trace; returns its requests, the ideal and what was computed."""
    known, done, ideal, computed = Known(), [], 0, 0
    for asked in track(requests, "The trace", total=total, transient=True):
        ideal += known.ideal(asked.prompt)
        computed += complete(llama, asked).computed_tokens
        known.add(asked.computed_ids)
        done.append(asked)
    return done, ideal, computed


def replayed(llama: Llama, requests: Sequence[Asked]) -> float:
    """The share of prompt tokens that was cached."""
    cached = sum(complete(llama, asked).cached_tokens for asked in requests)
    return cached / sum(len(asked.prompt) for asked in requests)


def whole_sessions(requests: Sequence[Asked], budget_tokens: int) -> float:
    """The share that a cache of whole sessions would have had, the one used longest ago dropped first."""
    held: OrderedDict[str, list[int]] = OrderedDict()
    cached = 0
    for asked in requests:
        before = held.pop(asked.session, [])
        same = next((i for i, (a, b) in enumerate(zip(before, asked.prompt, strict=False)) if a != b), None)
        kept = min(len(before), len(asked.prompt)) if same is None else same
        cached += min(kept, len(asked.prompt) - 1)
        held[asked.session] = asked.computed_ids
        while sum(map(len, held.values())) > budget_tokens and len(held) > 1:
            held.popitem(last=False)
    return cached / sum(len(asked.prompt) for asked in requests)


def main() -> None:
    """Print the efficiency with memory enough, and hit rates with less."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--requests", type=int, default=80)
    parser.add_argument("--system", type=int, default=2500, help="tokens of the shared system message")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    shape = {
        "vocab_size": 512,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 65536,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_model(Path(scratch), **shape)
        llama = Llama(folder, device="cpu", progress=False)
        requests = trace(given.seed, sessions=given.sessions, requests=given.requests, system=given.system)
        done, ideal, computed = efficiency(llama, requests, given.requests)
        prompts = sum(len(asked.prompt) for asked in done)
        print(f"{len(done)} requests of {given.sessions} sessions, {prompts} prompt tokens in all")
        print(
            f"  computed {computed}, the fewest possible {ideal}: prefill efficiency {ideal / computed:.4f}"
        )
        per_token = 2 * 2 * 16 * 4  # layers, keys and values, width, bytes
        whole = len({asked.session for asked in done}) * max(len(asked.prompt) for asked in done)
        print("share of prompt tokens that was cached, by memory")
        print(f"  {'tokens held':>12}{'prefix tree':>14}{'whole sessions':>16}")
        for part in track((1.0, 0.5, 0.25, 0.12, 0.06, 0.03), "Less memory", transient=True):
            tokens = int(whole * part)
            small = Llama(folder, device="cpu", progress=False, cache_bytes=tokens * per_token)
            ours, theirs = replayed(small, done), whole_sessions(done, tokens)
            print(f"  {tokens:>12}{ours:>13.1%}{theirs:>15.1%}")


if __name__ == "__main__":
    main()
