"""Attention in which a token comes out the same, to the bit, whoever is computed beside it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from llama3_agent.engine._attention import Stretch
from llama3_agent.engine._invariant import Plans, of_session
from llama3_agent.engine._kv import KVBuffer

LENGTH, HEAD_DIM, KV_HEADS = 200, 32, 2


def attend(plans: Plans, parts: tuple[Tensor, Tensor, Tensor], sizes: list[int]) -> Tensor:
    """The outputs of a sequence whose tokens come in stretches of these sizes."""
    query, key, value = parts
    kv = KVBuffer(
        layers=1,
        heads=KV_HEADS,
        head_dim=HEAD_DIM,
        limit=256,
        dtype=torch.float32,
        device=torch.device("cpu"),
    )
    outs, start = [], 0
    for size in sizes:
        new = [t.narrow(2, start, size) for t in (query, key, value)]
        outs.append(of_session(0, *new, Stretch(0, size, kv, plans.plan(size, start)), HEAD_DIM**-0.5))
        start += size
    return torch.cat(outs, dim=1)


@pytest.mark.parametrize("group", [1, 2, 3, 4, 7])
def test_stretches_of_any_size_agree_to_the_bit(group: int) -> None:
    torch.manual_seed(group)
    heads = group * KV_HEADS
    plans = Plans(heads=heads, kv_heads=KV_HEADS, head_dim=HEAD_DIM, device=torch.device("cpu"))
    query = torch.randn(1, heads, LENGTH, HEAD_DIM)
    key, value = torch.randn(2, 1, KV_HEADS, LENGTH, HEAD_DIM)
    parts = query, key, value
    whole = attend(plans, parts, [LENGTH])
    exact = scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    assert torch.allclose(whole, exact.transpose(1, 2), atol=1e-5)
    for sizes in ([1] * LENGTH, [63, 1, 1, 135], [64, 136], [130, 70], [3, 7, 50, 140]):
        assert torch.equal(attend(plans, parts, sizes), whole)


def test_where_products_do_not_agree_each_token_is_computed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plans, "_alike", lambda *_: False)
    plans = Plans(heads=4, kv_heads=2, head_dim=HEAD_DIM, device=torch.device("cpu"))
    assert [(rows.start, rows.count, rows.end) for rows in plans.plan(3, 63)] == [
        (0, 1, 64),
        (1, 1, 128),
        (2, 1, 128),
    ]
