"""What the engine's own loop costs and saves, beside transformers' `generate` and the bare forward.

Every figure is a median of rounds in which all contestants take turns, on the same weights and in the same
process, so that a busy machine slows them alike. ``python benchmarks/engine.py`` takes random weights in
about the shape of the embedded model, ``python benchmarks/engine.py cria`` the model itself.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling
from llama3_agent.engine._tokenizer import FRAMING, TOOLS

Contestants = dict[str, Callable[[], float]]


def random_model(folder: Path, **shape: int) -> Path:
    """Random weights, in about the embedded model's shape if not told otherwise; a tokenizer of bytes."""
    core = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(sorted(letters()))}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(token, special=True) for token in (*FRAMING, *TOOLS)])
    PreTrainedTokenizerFast(tokenizer_object=core).save_pretrained(folder)
    usual = {
        "vocab_size": 2048,
        "hidden_size": 192,
        "intermediate_size": 768,
        "num_hidden_layers": 8,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "max_position_embeddings": 4096,
    }
    config = LlamaConfig(**{**usual, **shape}, tie_word_embeddings=True)
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def letters() -> list[str]:
    """The alphabet of byte-level tokenizers."""
    return list(pre_tokenizers.ByteLevel.alphabet())


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def race(contestants: Contestants, rounds: int) -> dict[str, float]:
    """Median result of each, after one round to warm up."""
    results: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, run in contestants.items():
            seconds = run()
            if round_:
                results[name].append(seconds)
    return {name: median(values) for name, values in results.items()}


def generate_step(reference: LlamaForCausalLM, ids: torch.Tensor, tokens: int) -> float:
    """Seconds that transformers' `generate` takes for one more token of every row, the prefill left out."""

    def run(length: int) -> float:
        return timed(
            lambda: reference.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                min_new_tokens=length,
                max_new_tokens=length,
                pad_token_id=0,
            )
        )

    return (run(tokens + 1) - run(1)) / tokens


def decode_step(llama: Llama, prompt: list[int], tokens: int) -> float:
    """Seconds that one token takes, the prefill left out."""
    llama.complete(prompt, sampling=Sampling(max_tokens=1))
    answer = llama.complete(prompt, sampling=Sampling(max_tokens=tokens))
    return (answer.seconds - (answer.first_token_seconds or 0)) / max(1, answer.generated_tokens - 1)


def decode_race(llama: Llama, reference: LlamaForCausalLM, prompt: list[int], tokens: int) -> Contestants:
    """Seconds a token, the prefill left out."""
    ids = torch.tensor([prompt])

    @torch.inference_mode()
    def bare() -> float:
        cache = DynamicCache(config=reference.config)
        reference(ids, past_key_values=cache, use_cache=True)
        token = torch.tensor([[1]])
        loop = timed(lambda: [reference(token, past_key_values=cache, use_cache=True) for _ in range(tokens)])
        return loop / tokens

    return {
        "own loop": lambda: decode_step(llama, prompt, tokens),
        "bare forward": bare,
        "generate": lambda: generate_step(reference, ids, tokens),
    }


def first_token_race(llama: Llama, prompt: list[int], new: int) -> Contestants:
    """Seconds to the first token of a prompt that ends in `new` tokens nobody has computed."""
    draw = random.Random(1)
    one = Sampling(max_tokens=1)

    def nobody() -> str:
        return f"tenant {draw.random()}"

    def cold() -> float:
        return llama.complete(prompt, tenant=nobody(), sampling=one).first_token_seconds or 0.0

    def warm() -> float:
        known = prompt[:-new]
        llama.complete(known, session="warm", sampling=one)
        addition = draw.choices(range(100), k=new)
        # Differs from the last round's at once, so that all of it is new.
        return llama.complete([*known, *addition], session="warm", sampling=one).first_token_seconds or 0.0

    def alone() -> float:
        return llama.complete(prompt[-new:], tenant=nobody(), sampling=one).first_token_seconds or 0.0

    def shared() -> float:
        addition = draw.choices(range(100), k=new)
        answer = llama.complete([*prompt[:-new], *addition], session=nobody(), sampling=one)
        return answer.first_token_seconds or 0.0

    return {"cached prefix": warm, "another session's": shared, "new tokens alone": alone, "cold": cold}


def show(title: str, medians: dict[str, float]) -> None:
    """Milliseconds, and how many times the first contestant's."""
    base = next(iter(medians.values()))
    print(title)
    for name, seconds in medians.items():
        print(f"  {name:<18}{seconds * 1e3:9.2f} ms   {seconds / base:6.2f}x")


def main() -> None:
    """Run both races."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", nargs="?", help="'cria' or a folder; random weights if not given")
    parser.add_argument("--prompt", type=int, default=1000, help="tokens in the prompt")
    parser.add_argument("--tokens", type=int, default=48, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        name = given.model or str(random_model(Path(scratch)))
        llama = Llama(name, device="cpu", progress=False)
        folder = Path(name) if given.model != "cria" else Path(llama.tokenizer.name_or_path)
        reference = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompt = random.Random(0).choices(range(100), k=given.prompt)
    print(f"{llama!r}, {torch.get_num_threads()} threads, prompt {given.prompt}, medians of {given.rounds}")
    show("decode, per token", race(decode_race(llama, reference, prompt, given.tokens), given.rounds))
    show("first token, 40 new", race(first_token_race(llama, prompt, 40), given.rounds))


if __name__ == "__main__":
    main()
