"""What many sessions cost together: one forward for all, eight-bit weights, guesses from the prompt.

Every figure is a median of rounds in which all contestants take turns, on the same random weights and in the
same process. The shape is large enough for the reading of the weights to matter, as it does in real models;
``--hidden`` and ``--layers`` change it.
"""

import argparse
import random
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from engine import Contestants, decode_step, generate_step, race, random_model, show, timed
from transformers import LlamaForCausalLM

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling


def prompts(count: int, length: int) -> list[list[int]]:
    """Unlike one another from the first token on."""
    return [random.Random(seed).choices(range(1, 200), k=length) for seed in range(count)]


def together_race(
    llama: Llama, reference: LlamaForCausalLM, asked: list[list[int]], tokens: int
) -> Contestants:
    """Seconds for each token of each session, prompts computed before."""
    sampling = Sampling(max_tokens=tokens)
    for number, prompt in enumerate(asked):
        llama.complete(prompt, session=str(number), sampling=Sampling(max_tokens=1))

    def ask(number: int) -> int:
        return llama.complete(asked[number], session=str(number), sampling=sampling).generated_tokens

    def each(run: Callable[[], list[int]]) -> float:
        counts: list[int] = []
        seconds = timed(lambda: counts.extend(run()))
        return seconds / sum(counts)

    def threads() -> list[int]:
        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(ask, range(len(asked))))

    ids = torch.tensor(asked)

    return {
        "sessions at once": lambda: each(threads),
        "one after another": lambda: each(lambda: [ask(n) for n in range(len(asked))]),
        "generate, one batch": lambda: generate_step(reference, ids, tokens) / len(asked),
    }


def weights_race(contestants: dict[str, Llama], prompt: list[int], tokens: int) -> Contestants:
    """Seconds a token, the prefill left out."""
    return {
        name: (lambda llama=llama: decode_step(llama, prompt, tokens)) for name, llama in contestants.items()
    }


def main() -> None:
    """Run the races."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--prompt", type=int, default=128, help="tokens in each prompt")
    parser.add_argument("--tokens", type=int, default=16, help="tokens to generate")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    shape = {
        "vocab_size": 8192,
        "hidden_size": given.hidden,
        "intermediate_size": given.hidden * 11 // 4,
        "num_hidden_layers": given.layers,
        "num_attention_heads": given.hidden // 64,
        "num_key_value_heads": given.hidden // 256,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = random_model(Path(scratch), **shape)
        llama = Llama(folder, device="cpu", progress=False)
        eight = Llama(folder, device="cpu", progress=False, weights="int8")
        reference = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    asked = prompts(given.sessions, given.prompt)
    print(f"{llama!r}, {torch.get_num_threads()} threads, {given.sessions} sessions of {given.prompt} tokens")
    title = "decode, per token of each session"
    show(title, race(together_race(llama, reference, asked, given.tokens), given.rounds))
    show(f"{title}, int8", race(together_race(eight, reference, asked, given.tokens), given.rounds))
    alone = weights_race({"int8": eight, "float32": llama}, asked[0], given.tokens)
    show("decode, per token, one session", race(alone, given.rounds))


if __name__ == "__main__":
    main()
