"""From logits to a token."""

import random

import torch
from torch import Tensor

from llama3_agent.engine._types import Sampling


class Sampler:
    """Chooses tokens for one request.

    Args:
        sampling: the rule. Draws come from a generator of our own seeded with `sampling.seed`, so the same
            seed draws the same tokens on every device.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._temperature = sampling.temperature
        self._top_p = sampling.top_p
        self._random = random.Random(sampling.seed)

    def pick(self, logits: Tensor, allowed: Tensor | None = None) -> int:
        """A token id by the logits `[vocabulary]`, among those `allowed` if given."""
        logits = logits.float()
        if allowed is not None:
            logits = logits.masked_fill(~allowed[: len(logits)].to(logits.device), float("-inf"))
        return int(logits.argmax()) if self._temperature == 0 else self._draw(logits)

    def _draw(self, logits: Tensor) -> int:
        # Double precision: at 128,000 tokens the running sum of floats would miss the rarest ones.
        scaled = (logits.double() - logits.max()) / self._temperature
        probabilities, order = torch.softmax(scaled, 0).sort(descending=True, stable=True)
        reached = probabilities.cumsum(0)
        kept = int(nucleus(reached, self._top_p))
        point = self._random.random() * float(reached[kept - 1])
        place = int(torch.searchsorted(reached[:kept], point, right=True))
        return int(order[min(place, kept - 1)])


def logprob(logits: Tensor, token: int) -> float:
    """The log-probability of a token under the logits `[vocabulary]` as they are."""
    logits = logits.float()
    return float(logits[token] - logits.logsumexp(0))


def nucleus(reached: Tensor, top_p: float) -> int:
    """How many of the likeliest tokens it takes to reach `top_p`, given their running sum of probability."""
    if top_p >= 1:
        return len(reached)
    return min(int(torch.searchsorted(reached, top_p)) + 1, len(reached))
