"""Attention that gives a token the same bits whoever is computed beside it.

The order in which a kernel adds depends on the shapes that it is given: a token computed alone, in the middle
of a prompt, or after a cached prefix differs in the last bits. Here each token is a problem of its own, whose
shape follows from its position alone: the query heads of a group as rows, and the keys up to the end of the
block of `BLOCK` positions that the token stands in, those after it masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from llama3_agent.engine._attention import Stretch
from llama3_agent.engine._kv import BLOCK


@dataclass(frozen=True, slots=True)
class Rows:
    """The new tokens of a session that stand in one block.

    Attributes:
        start: the first of them, counted from the first new one.
        count: how many they are.
        end: where their block ends.
        mask: `[count, 1, 1, end]`, 0 or -inf.
    """

    start: int
    count: int
    end: int
    mask: Tensor


def plan(new: int, cached: int, *, dtype: torch.dtype, device: torch.device) -> Sequence[Rows]:
    """The blocks of `new` tokens that follow `cached` ones."""
    found: list[Rows] = []
    start = 0
    while start < new:
        position = cached + start
        end = position - position % BLOCK + BLOCK
        count = min(new - start, end - position)
        mask = torch.full((count, end), -torch.inf, dtype=dtype, device=device).triu_(position + 1)
        found.append(Rows(start, count, end, mask[:, None, None]))
        start += count
    return found


def of_session(
    layer: int, query: Tensor, key: Tensor, value: Tensor, one: Stretch[Sequence[Rows]], scaling: float
) -> Tensor:
    """One layer's causal attention of one session, its new keys and values appended to its buffer first.

    Args:
        layer: which part of the buffer is meant.
        query: `[1, query heads, n, head_dim]`, rotated.
        key: `[1, key/value heads, n, head_dim]`, rotated.
        value: as `key`.
        one: whose they are.
        scaling: factor on the scores.

    Returns:
        `[1, n, query heads, head_dim]`.
    """
    one.kv.append(layer, key, value)
    parts = [_of_rows(layer, query, one, rows, scaling) for rows in one.plan]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _of_rows(layer: int, query: Tensor, one: Stretch[Any], rows: Rows, scaling: float) -> Tensor:
    keys, values = (held.expand(rows.count, -1, -1, -1) for held in one.kv.up_to(layer, rows.end))
    query = query.narrow(2, rows.start, rows.count)
    _, heads, count, head_dim = query.shape
    grouped = query.reshape(keys.shape[1], -1, count, head_dim).permute(2, 0, 1, 3)
    out = scaled_dot_product_attention(grouped, keys, values, attn_mask=rows.mask, scale=scaling)
    return out.reshape(1, count, heads, head_dim)
