"""Attention over a session's own buffer, registered as an attention implementation of transformers.

The model runs with ``use_cache=False``; the buffer travels as the extra keyword `kv` of the forward, each
layer writes its new keys and values into it and attends over all that it holds. No mask is built for a
single token, and grouped-query heads are never repeated in memory.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from llama3_agent.engine._kv import KVBuffer

NAME = "llama3_agent_kv"


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _attention_mask: Tensor | None,
    *,
    kv: KVBuffer,
    mask: Tensor | None = None,
    scaling: float,
    **_others: Any,
) -> tuple[Tensor, None]:
    """One layer's causal attention, with what is new appended to `kv` first.

    Args:
        module: the layer's attention module; its `layer_idx` says which part of `kv` is meant.
        query: `[1, query heads, n, head_dim]`, rotated.
        key: `[1, key/value heads, n, head_dim]`, rotated.
        value: as `key`.
        _attention_mask: unused; `mask` is made once a forward instead of once a layer.
        kv: the session's buffer.
        mask: `offset_mask`, needed when `n > 1` tokens follow cached ones.
        scaling: factor on the scores.

    Returns:
        `[1, n, query heads, head_dim]`, and no weights.
    """
    keys, values = kv.append(module.layer_idx, key, value)
    heads, new, head_dim = query.shape[1:]
    if new == 1:
        # The query heads of a group become rows of one query: same result, keys read once a group.
        grouped = query.view(1, key.shape[1], -1, head_dim)
        out = scaled_dot_product_attention(grouped, keys, values, scale=scaling)
        return out.reshape(1, 1, heads, head_dim), None
    out = scaled_dot_product_attention(
        query, keys, values, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2).contiguous(), None


def offset_mask(new: int, cached: int, *, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    """What to add to the scores when `new` tokens follow `cached` ones: `[new, cached + new]`, 0 or -inf.

    None when no mask is needed: a single token sees everything, and without cached tokens the kernels' own
    causal flag does it. Made of the model's own type, since from booleans every layer would convert it again.
    """
    if new == 1 or cached == 0:
        return None
    return torch.full((new, cached + new), -torch.inf, dtype=dtype, device=device).triu_(cached + 1)


def register() -> None:
    """Make `NAME` known to transformers. Registering again changes nothing."""
    AttentionInterface.register(NAME, attend)
