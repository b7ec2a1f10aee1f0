"""A Llama with weights of eight bits, straight from the weights of transformers' model.

It does the arithmetic of `LlamaForCausalLM.forward` with query, key and value in one product, gate and up in
one, and without the cost of calling modules. Prompts and single tokens take the same way, so that they come
out the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, silu

from llama3_agent.engine import _invariant
from llama3_agent.engine._attention import Stretch, over_stretches
from llama3_agent.engine._int8 import Int8Linear, available
from llama3_agent.engine.errors import ModelUnsuitable


@dataclass(frozen=True, slots=True)
class _Layer:
    norm: Tensor
    qkv: Int8Linear
    out: Int8Linear
    mlp_norm: Tensor
    gate_up: Int8Linear
    down: Int8Linear


class Int8Model:
    """What a `LlamaForCausalLM` computes, its products with eight bits, for any number of sessions at once.

    Args:
        model: on a CPU. Its layers and its head are taken out, so that their memory is free again.

    Raises:
        ModelUnsuitable: this build of torch cannot, or the model is no plain Llama on a CPU.
    """

    step = None

    def __init__(self, model: Any) -> None:
        _check(model)
        self.config = model.config
        self.dtype, self.device = torch.float32, model.device
        self.head_dim = int(model.model.layers[0].self_attn.head_dim)
        self._heads = self.config.num_attention_heads
        self._kv_heads = self.config.num_key_value_heads
        self._eps = self.config.rms_norm_eps
        self._rotary = model.model.rotary_emb
        self._plans = _invariant.Plans(
            heads=self._heads, kv_heads=self._kv_heads, head_dim=self.head_dim, device=self.device
        )
        self._norm = model.model.norm.weight.detach().float()
        self._head = Int8Linear(model.lm_head.weight)
        self._layers: list[_Layer] = []
        while len(model.model.layers):
            self._layers.append(_quantized(model.model.layers[0]))
            del model.model.layers[0]
        del model.lm_head
        self._embedding = model.float().model.embed_tokens.weight.detach()

    def plan(self, new: int, cached: int) -> Sequence[_invariant.Rows]:
        """What attention needs to know of `new` tokens that follow `cached` ones."""
        return self._plans.plan(new, cached)

    def __call__(
        self,
        row: Tensor,
        positions: Tensor,
        stretches: Sequence[Stretch[Sequence[_invariant.Rows]]],
        wanted: Tensor,
    ) -> Tensor:
        """As `FullModel`, with the same bits for a token in any company."""
        hidden = embedding(row, self._embedding)
        cos, sin = self._rotation(hidden, positions)
        for index, layer in enumerate(self._layers):
            qkv = layer.qkv(self._normed(hidden, layer.norm))
            hidden = layer.out(self._attend(index, qkv, cos, sin, stretches)).add_(hidden)
            gate, up = layer.gate_up(self._normed(hidden, layer.mlp_norm)).chunk(2, -1)
            hidden = layer.down(silu(gate).mul_(up)).add_(hidden)
        return self._head(self._normed(hidden[wanted], self._norm))

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        """Root mean square layer norm; torch's own takes three times as long for a token on a CPU."""
        scale = x.square().mean(-1, keepdim=True).add_(self._eps).rsqrt_()
        return (x * scale).mul_(weight)

    def _rotation(self, hidden: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines, `[n, 1, head_dim]`; the sines' first half negated, as rotating needs it."""
        cos, sin = (part[0, :, None] for part in self._rotary(hidden, positions.unsqueeze(0)))
        first, second = sin.chunk(2, -1)
        return cos, torch.cat((-first, second), -1)

    def _attend(
        self,
        index: int,
        qkv: Tensor,
        cos: Tensor,
        sin: Tensor,
        stretches: Sequence[Stretch[Sequence[_invariant.Rows]]],
    ) -> Tensor:
        heads = qkv.view(len(qkv), -1, self.head_dim)
        turned, values = torch.split(heads, [self._heads + self._kv_heads, self._kv_heads], dim=1)
        first, second = turned.chunk(2, -1)
        turned = torch.addcmul(turned * cos, torch.cat((second, first), -1), sin)
        turned, values = turned.transpose(0, 1).unsqueeze(0), values.transpose(0, 1).unsqueeze(0)
        queries, keys = torch.split(turned, [self._heads, self._kv_heads], dim=1)
        scaling = self.head_dim**-0.5
        out = over_stretches(_invariant.of_session, index, queries, keys, values, stretches, scaling)
        return out.reshape(len(qkv), -1)


def _quantized(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return _Layer(
        norm=layer.input_layernorm.weight.detach().float(),
        qkv=Int8Linear(attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight),
        out=Int8Linear(attention.o_proj.weight),
        mlp_norm=layer.post_attention_layernorm.weight.detach().float(),
        gate_up=Int8Linear(mlp.gate_proj.weight, mlp.up_proj.weight),
        down=Int8Linear(mlp.down_proj.weight),
    )


def _check(model: Any) -> None:
    if not available():
        raise ModelUnsuitable("this build of torch has no 8-bit products (FBGEMM); leave weights at 'full'")
    if model.device.type != "cpu":
        raise ModelUnsuitable("8-bit weights are for a CPU; on a GPU leave weights at 'full'")
    config = model.config
    if config.attention_bias or config.mlp_bias or config.hidden_act != "silu":
        raise ModelUnsuitable("8-bit weights are for models without biases and with SiLU, as Llamas are")
