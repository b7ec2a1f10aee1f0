"""Attention that gives a token the same bits whoever is computed beside it.

The order in which a kernel adds depends on the shapes that it is given: a token computed alone, in the middle
of a prompt, or after a cached prefix differs in the last bits. Here the shapes follow from the token's own
position: the keys go up to the end of the block of `BLOCK` positions that it stands in, those after it
masked, and the query heads of a group, of one token or of several of its block, are rows in multiples of
`TILE`. Products of the usual libraries compute whole tiles of rows alike. Whether those of this machine do is
tried once; where they do not, every token is a problem of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from llama3_agent.engine._attention import Stretch
from llama3_agent.engine._kv import BLOCK

TILE = 4
"""Rows that products compute alike."""
_TRIED = (1, 2, 3, 7, 16, 33)


@dataclass(frozen=True, slots=True)
class Rows:
    """New tokens of a session that stand in one block.

    Attributes:
        start: the first of them, counted from the first new one.
        count: how many they are.
        end: where their block ends.
        mask: `[count * heads of a group, and up to a whole tile, end]`, 0 or -inf.
    """

    start: int
    count: int
    end: int
    mask: Tensor


class Plans:
    """Plans the problems that a forward's new tokens are computed in.

    Args:
        heads: query heads.
        kv_heads: key/value heads.
        head_dim: width of a head.
        device: where the model runs, in float32.
    """

    def __init__(self, *, heads: int, kv_heads: int, head_dim: int, device: torch.device) -> None:
        self._group = heads // kv_heads
        self._masks = self._masks_up_to(BLOCK, device)
        self._most = BLOCK
        if not self._alike(heads, kv_heads, head_dim):
            self._most = 1

    def plan(self, new: int, cached: int) -> Sequence[Rows]:
        """The problems of `new` tokens that follow `cached` ones."""
        found: list[Rows] = []
        start = 0
        while start < new:
            within = (cached + start) % BLOCK
            end = cached + start - within + BLOCK
            count = min(new - start, BLOCK - within, self._most)
            found.append(Rows(start, count, end, self._mask(within, count, end)))
            start += count
        return found

    def _mask(self, within: int, count: int, end: int) -> Tensor:
        if end > self._masks.shape[1]:
            self._masks = self._masks_up_to(2 * end, self._masks.device)
        rows = -(-count * self._group // TILE) * TILE
        return self._masks.narrow(0, within * self._group, rows)[:, -end:]

    def _masks_up_to(self, end: int, device: torch.device) -> Tensor:
        """The masks of a block's tokens, each as often as a group has heads, and some rows more.

        Their last columns are those of the block itself, so that one tensor serves blocks wherever they end.
        """
        inside = torch.full((BLOCK, BLOCK), -torch.inf, device=device).triu_(1)
        rows = pad(inside.repeat_interleave(self._group, 0), (0, 0, 0, TILE))
        return pad(rows, (end - BLOCK, 0))

    def _alike(self, heads: int, kv_heads: int, head_dim: int) -> bool:
        """Whether tokens come out the same together and alone."""
        draw = torch.Generator().manual_seed(0)
        query, key, value = (
            torch.randn(1, count, 10 * BLOCK, head_dim, generator=draw)
            for count in (heads, kv_heads, kv_heads)
        )
        scaling = head_dim**-0.5
        for end in (BLOCK, 10 * BLOCK):
            held, last = (key[:, :, :end], value[:, :, :end]), query[:, :, -BLOCK:]
            whole = _of_rows(last, *held, Rows(0, BLOCK, end, self._mask(0, BLOCK, end)), scaling)
            for count in _TRIED:
                start = BLOCK - count
                some = _of_rows(last, *held, Rows(start, count, end, self._mask(start, count, end)), scaling)
                if not torch.equal(some, whole[:, start:]):
                    return False
        return True


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
    parts = [_of_rows(query, *one.kv.up_to(layer, rows.end), rows, scaling) for rows in one.plan]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _of_rows(query: Tensor, keys: Tensor, values: Tensor, rows: Rows, scaling: float) -> Tensor:
    heads, head_dim, kv_heads = query.shape[1], query.shape[3], keys.shape[1]
    query = query.narrow(2, rows.start, rows.count)
    grouped = (
        query.reshape(kv_heads, -1, rows.count, head_dim).transpose(1, 2).reshape(1, kv_heads, -1, head_dim)
    )
    used, wanted = grouped.shape[2], rows.mask.shape[0]
    if used < wanted:
        grouped = pad(grouped, (0, 0, 0, wanted - used))
    out = scaled_dot_product_attention(grouped, keys, values, attn_mask=rows.mask, scale=scaling)
    out = out.narrow(2, 0, used).reshape(kv_heads, rows.count, -1, head_dim).transpose(0, 1)
    return out.reshape(1, rows.count, heads, head_dim)
