"""The engine beside llama.cpp and transformers' continuous batching, on the same random weights.

``python benchmarks/peers/run.py`` installs llama.cpp's bindings next to itself for the run, makes a model in
the shape of Llama 3.2 1B (``--hidden``, ``--layers`` and ``--vocabulary`` make a smaller one), and lets all
take turns in one process; every figure is a median. The whole takes about a quarter of an hour and 20 GB of
memory.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from continuous import step as continuous_step  # noqa: E402
from engine import Contestants, decode_step, race, random_model, show, timed  # noqa: E402
from llama_cpp import LlamaCpp, write_gguf  # noqa: E402
from transformers import DynamicCache, LlamaForCausalLM  # noqa: E402

from llama3_agent._llama import Llama  # noqa: E402
from llama3_agent.engine import Sampling  # noqa: E402

PACKAGES = ("xllamacpp==2026.10.11549", "gguf==0.19.0")
ONE = Sampling(max_tokens=1)


@dataclass(frozen=True, slots=True)
class Models:
    """One model in all its forms.

    Attributes:
        full: float32, ours.
        eight: int8, ours.
        reference: float32, transformers' own.
        single: llama.cpp with one slot.
        slots: llama.cpp with a slot a session.
    """

    full: Llama
    eight: Llama
    reference: LlamaForCausalLM
    single: LlamaCpp
    slots: LlamaCpp


def install(folder: Path) -> None:
    """Put llama.cpp's bindings where only this run finds them."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*command, *PACKAGES], check=True)
    sys.path.insert(0, str(folder))


def nobody() -> str:
    """A tenant with whom nobody shares anything."""
    return f"tenant {random.random()}"


def drawn(seed: int, count: int) -> list[int]:
    """Tokens unlike those of other seeds from the first one on."""
    return random.Random(seed).choices(range(1, 1000), k=count)


def decode_race(models: Models, prompt: list[int], tokens: int) -> Contestants:
    """Seconds a token of one session, the prompt left out."""
    cache = DynamicCache(config=models.reference.config)
    with torch.inference_mode():
        models.reference(torch.tensor([prompt]), past_key_values=cache, use_cache=True)

    @torch.inference_mode()
    def bare() -> float:
        token = torch.tensor([[1]])
        step = lambda: models.reference(token, past_key_values=cache, use_cache=True)  # noqa: E731
        seconds = timed(lambda: [step() for _ in range(tokens)]) / tokens
        cache.crop(-tokens)
        return seconds

    def theirs() -> float:
        done = models.single.complete(prompt, tokens=tokens)
        return done.seconds / done.tokens

    return {
        "int8": lambda: decode_step(models.eight, prompt, tokens),
        "llama.cpp Q8_0": theirs,
        "float32": lambda: decode_step(models.full, prompt, tokens),
        "bare forward": bare,
    }


def prompt_race(models: Models, prompt: list[int]) -> Contestants:
    """Seconds a token of a prompt that nobody has computed."""

    def ours(llama: Llama) -> float:
        answer = llama.complete(prompt, tenant=nobody(), sampling=ONE)
        return (answer.first_token_seconds or 0) / len(prompt)

    def theirs() -> float:
        done = models.single.complete(prompt, tokens=1, reuse=False)
        return done.prompt_seconds / done.prompt_tokens

    return {
        "int8": lambda: ours(models.eight),
        "llama.cpp Q8_0": theirs,
        "float32": lambda: ours(models.full),
    }


def together_race(models: Models, asked: list[list[int]], tokens: int) -> Contestants:
    """Seconds for each token of each session, all at once, prompts computed before."""
    many = Sampling(max_tokens=tokens)

    def each(ask: Callable[[int], int]) -> float:
        with ThreadPoolExecutor(len(asked)) as pool:
            counts: list[int] = []
            seconds = timed(lambda: counts.extend(pool.map(ask, range(len(asked)))))
        return seconds / sum(counts)

    def ours(llama: Llama) -> float:
        for number, prompt in enumerate(asked):
            llama.complete(prompt, session=str(number), sampling=ONE)
        return each(
            lambda n: llama.complete(asked[n], session=str(n), sampling=many).generated_tokens,
        )

    def theirs() -> float:
        for number, prompt in enumerate(asked):
            models.slots.complete(prompt, tokens=1, slot=number)
        return each(lambda n: models.slots.complete(asked[n], tokens=tokens, slot=n).tokens)

    return {
        "int8": lambda: ours(models.eight),
        "llama.cpp Q8_0": theirs,
        "float32": lambda: ours(models.full),
        "continuous, 16": lambda: continuous_step(models.reference, asked, tokens, page=16),
        "continuous, 256": lambda: continuous_step(models.reference, asked, tokens, page=256),
    }


def first_token_race(models: Models, known: list[int], new: int) -> Contestants:
    """Seconds to the first token when `new` tokens follow a long prefix."""

    def ours(llama: Llama, prompt: list[int], tenant: str) -> float:
        return llama.complete(prompt, session="first", tenant=tenant, sampling=ONE).first_token_seconds or 0.0

    def fresh() -> list[int]:
        return drawn(random.randrange(10**9), new)

    def cached(llama: Llama) -> float:
        llama.complete(known, session="first", tenant="first", sampling=ONE)
        return ours(llama, [*known, *fresh()], "first")

    def cold(llama: Llama) -> float:
        return ours(llama, [*known, *fresh()], nobody())

    cache = DynamicCache(config=models.reference.config)
    with torch.inference_mode():
        models.reference(torch.tensor([known]), past_key_values=cache, use_cache=True, logits_to_keep=1)

    @torch.inference_mode()
    def bare() -> float:
        row = torch.tensor([fresh()])
        step = lambda: models.reference(row, past_key_values=cache, use_cache=True, logits_to_keep=1)  # noqa: E731
        seconds = timed(step)
        cache.crop(-new)
        return seconds

    def theirs() -> float:
        models.single.complete(known, tokens=1)
        done = models.single.complete([*known, *fresh()], tokens=1)
        return done.prompt_seconds

    return {
        "int8, cached": lambda: cached(models.eight),
        "llama.cpp Q8_0, cached": theirs,
        "int8, cold": lambda: cold(models.eight),
        "float32, cached": lambda: cached(models.full),
        "bare forward on a cache": bare,
        "float32, cold": lambda: cold(models.full),
    }


def same_model(models: Models) -> str:
    """The likeliest first token by each: eight bits round the last digits."""
    prompt = drawn(5, 40)
    told = []
    for name, llama in (("float32", models.full), ("int8", models.eight)):
        answer = llama.complete(prompt, sampling=ONE)
        told.append(f"{name} {answer.ids[0]} at {answer.logprobs[0]:.3f}")
    token, logprob = models.single.likeliest(prompt)
    return f"likeliest first token: {', '.join(told)}, llama.cpp {token} at {logprob:.3f}"


def load(folder: Path, sessions: int, context_length: int) -> Models:
    """Read the model in all its forms."""
    reference = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    path = write_gguf(reference, folder / "model.gguf")
    threads = torch.get_num_threads()
    return Models(
        Llama(folder, device="cpu", progress=False),
        Llama(folder, device="cpu", progress=False, weights="int8", speculate=False),
        reference,
        LlamaCpp(path, slots=1, context_length=context_length, threads=threads),
        LlamaCpp(path, slots=sessions, context_length=512, threads=threads),
    )


def main() -> None:
    """Run the races."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--vocabulary", type=int, default=128256)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--prefix", type=int, default=2500, help="tokens of the cached prefix")
    parser.add_argument("--tokens", type=int, default=24, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    shape = {
        "vocab_size": given.vocabulary,
        "hidden_size": given.hidden,
        "intermediate_size": 4 * given.hidden,
        "num_hidden_layers": given.layers,
        "num_attention_heads": given.hidden // 64,
        "num_key_value_heads": given.hidden // 256,
    }
    with tempfile.TemporaryDirectory() as scratch:
        install(Path(scratch) / "packages")
        folder = random_model(Path(scratch) / "model", **shape)
        models = load(folder, given.sessions, given.prefix + 256)
        print(f"{models.full!r}, {torch.get_num_threads()} threads\n{same_model(models)}", flush=True)
        show("decode, per token", race(decode_race(models, drawn(0, 128), given.tokens), given.rounds))
        show("prompt of 512, per token", race(prompt_race(models, drawn(1, 512)), given.rounds))
        asked = [drawn(seed, 128) for seed in range(given.sessions)]
        title = f"{given.sessions} sessions at once, per token of each"
        show(title, race(together_race(models, asked, given.tokens), given.rounds))
        title = f"first token of 40 new ones after {given.prefix}"
        show(title, race(first_token_race(models, drawn(2, given.prefix), 40), given.rounds))


if __name__ == "__main__":
    main()
