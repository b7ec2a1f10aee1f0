"""Attention of many sessions at once, registered as an attention implementation of transformers.

What is new in every session is packed into one row of tokens. The model runs with ``use_cache=False``; the
sessions' buffers travel as the extra keyword `stretches` of the forward. Each layer writes the new keys and
values of a session into its buffer and attends over all that the buffer holds, and over nothing else. There
is no padding, and grouped-query heads are never repeated in memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from llama3_agent.engine._kv import KVBuffer

NAME = "llama3_agent_kv"
Plan = TypeVar("Plan")


@dataclass(frozen=True, slots=True)
class Stretch(Generic[Plan]):
    """The part of a row of tokens that belongs to one session.

    Attributes:
        start: where it begins in the row.
        new: how many tokens it has.
        kv: the session's buffer.
        plan: what attention needs to know of them in every layer, made once a forward.
    """

    start: int
    new: int
    kv: KVBuffer
    plan: Plan


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _attention_mask: Tensor | None,
    *,
    stretches: Sequence[Stretch[Tensor | None]],
    scaling: float,
    **_others: Any,
) -> tuple[Tensor, None]:
    """One layer's causal attention, with what is new appended to the sessions' buffers first.

    Args:
        module: the layer's attention module; its `layer_idx` says which part of a buffer is meant.
        query: `[1, query heads, n, head_dim]`, rotated.
        key: `[1, key/value heads, n, head_dim]`, rotated.
        value: as `key`.
        _attention_mask: unused; each stretch has its own.
        stretches: whose the `n` tokens are, in order.
        scaling: factor on the scores.

    Returns:
        `[1, n, query heads, head_dim]`, and no weights.
    """
    return over_stretches(_of_session, module.layer_idx, query, key, value, stretches, scaling), None


def over_stretches(
    of_session: Callable[[int, Tensor, Tensor, Tensor, Stretch[Plan], float], Tensor],
    layer: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    stretches: Sequence[Stretch[Plan]],
    scaling: float,
) -> Tensor:
    """What `of_session` makes of each session's part of the row, as one row again."""
    parts: list[Tensor] = []
    for one in stretches:
        queries, keys, values = (t.narrow(2, one.start, one.new) for t in (query, key, value))
        parts.append(of_session(layer, queries, keys, values, one, scaling))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _of_session(
    layer: int, query: Tensor, key: Tensor, value: Tensor, one: Stretch[Tensor | None], scaling: float
) -> Tensor:
    keys, values = one.kv.append(layer, key, value)
    heads, new, head_dim = query.shape[1:]
    if new == 1:
        # The query heads of a group become rows of one query: same result, keys read once a group.
        grouped = query.reshape(1, key.shape[1], -1, head_dim)
        out = scaled_dot_product_attention(grouped, keys, values, scale=scaling)
        return out.reshape(1, 1, heads, head_dim)
    out = scaled_dot_product_attention(
        query, keys, values, attn_mask=one.plan, is_causal=one.plan is None, scale=scaling, enable_gqa=True
    )
    return out.transpose(1, 2).contiguous()


def plan(new: int, cached: int, *, dtype: torch.dtype, device: torch.device) -> Tensor | None:
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
