"""transformers' continuous batching: many requests in one forward, keys and values in pages."""

from __future__ import annotations

from collections.abc import Sequence

from engine import timed
from transformers import ContinuousBatchingConfig, GenerationConfig, LlamaForCausalLM


def step(reference: LlamaForCausalLM, prompts: Sequence[Sequence[int]], tokens: int, *, page: int) -> float:
    """Seconds for one more token of each request, prompts left out."""
    inputs = [list(prompt) for prompt in prompts]

    def run(length: int) -> float:
        wanted = GenerationConfig(max_new_tokens=length, do_sample=False, eos_token_id=-1, pad_token_id=0)
        pages = ContinuousBatchingConfig(page_size=page, num_blocks=_pages(inputs, tokens, page))
        return timed(
            lambda: reference.generate_batch(
                inputs, generation_config=wanted, continuous_batching_config=pages, warmup=False
            )
        )

    return (run(tokens + 1) - run(1)) / tokens / len(inputs)


def _pages(inputs: Sequence[Sequence[int]], tokens: int, page: int) -> int:
    """Enough for all requests at once."""
    return sum(-(-(len(prompt) + tokens + 1) // page) + 1 for prompt in inputs)
