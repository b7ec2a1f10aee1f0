"""One session's keys and values: a contiguous buffer per layer that grows in place."""

import torch
from torch import Tensor

BLOCK = 64
"""Capacities are multiples of this."""


class KVBuffer:
    """Keys and values of one token sequence, for every layer of a model.

    Appending writes into spare capacity and copies nothing; when the capacity is used up it doubles, in whole
    blocks.
    Cropping only moves the length. Layers agree on `length` except while a forward is under way; after an
    aborted forward, `crop` makes them agree again.

    Args:
        layers: number of layers.
        heads: key/value heads, which grouped-query attention has fewer of than query heads.
        head_dim: width of a head.
        limit: the most tokens it may hold.
        dtype: element type of the model's activations.
        device: where the model runs.
    """

    def __init__(
        self, *, layers: int, heads: int, head_dim: int, limit: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._limit = limit
        self._capacity = 0
        self._ends = [0] * layers
        empty = torch.empty((1, heads, 0, head_dim), dtype=dtype, device=device)
        self._keys = [empty] * layers
        self._values = [empty] * layers

    @property
    def length(self) -> int:
        """Tokens that every layer holds."""
        return min(self._ends)

    @property
    def capacity(self) -> int:
        """Tokens it can hold without allocating."""
        return self._capacity

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self._keys[0].device

    @property
    def nbytes(self) -> int:
        """Memory of the allocated capacity."""
        return sum(t.numel() * t.element_size() for t in (*self._keys, *self._values))

    def bytes_for(self, tokens: int) -> int:
        """Memory it would occupy after `reserve(tokens)`."""
        _, heads, _, head_dim = self._keys[0].shape
        per_token = 2 * len(self._keys) * heads * head_dim * self._keys[0].element_size()
        return per_token * self._capacity_for(tokens)

    def reserve(self, tokens: int) -> None:
        """Make room for `tokens` in all, so that appending up to there allocates nothing."""
        capacity = self._capacity_for(tokens)
        if capacity == self._capacity:
            return
        for stored in (self._keys, self._values):
            for layer, old in enumerate(stored):
                stored[layer] = _grown(old, capacity, self._ends[layer])
        self._capacity = capacity

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add `[1, heads, n, head_dim]` at the end of one layer; returns views of all the layer holds."""
        start = self._ends[layer]
        added = keys.shape[2]
        end = start + added
        if end > self._capacity:
            self.reserve(end)
        all_keys, all_values = self._keys[layer], self._values[layer]
        all_keys.narrow(2, start, added).copy_(keys)
        all_values.narrow(2, start, added).copy_(values)
        self._ends[layer] = end
        return self.up_to(layer, end)

    def up_to(self, layer: int, end: int) -> tuple[Tensor, Tensor]:
        """Views of the first `end` tokens of a layer; beyond its length, and at most up to the end of a block
        of `BLOCK`, they hold numbers that mean nothing."""
        return self._keys[layer].narrow(2, 0, end), self._values[layer].narrow(2, 0, end)

    def write(self, kv: Tensor) -> None:
        """Add keys and values `[layers, 2, heads, n, head_dim]` at the end of every layer."""
        for layer, (keys, values) in enumerate(kv):
            self.append(layer, keys.unsqueeze(0), values.unsqueeze(0))

    def read(self, start: int, end: int) -> Tensor:
        """A copy of what all layers hold from `start` up to `end`, `[layers, 2, heads, n, head_dim]`."""
        return torch.stack(
            [
                torch.stack([stored[0, :, start:end] for stored in pair])
                for pair in zip(self._keys, self._values, strict=True)
            ]
        )

    def crop(self, length: int) -> None:
        """Forget everything from position `length` on, in every layer. Costs nothing; keeps the memory."""
        self._ends = [min(end, length) for end in self._ends]

    def _capacity_for(self, tokens: int) -> int:
        if tokens <= self._capacity:
            return self._capacity
        wanted = max(tokens, min(2 * self._capacity, self._limit))
        return -(-wanted // BLOCK) * BLOCK


def _grown(old: Tensor, capacity: int, used: int) -> Tensor:
    batch, heads, _, head_dim = old.shape
    new = old.new_zeros((batch, heads, capacity, head_dim))
    new.narrow(2, 0, used).copy_(old.narrow(2, 0, used))
    return new
