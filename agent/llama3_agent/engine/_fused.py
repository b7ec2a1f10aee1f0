"""One token through a small Llama, straight from its weights.

For a model of a few million parameters on a CPU, most of a decode step is the cost of calling modules. This
does the same arithmetic as `LlamaForCausalLM.forward` in about half as many operations: query, key and value
in one product, gate and up in one, the rotation as one multiply-add, residuals folded into the products.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

from llama3_agent.engine._kv import KVBuffer

LARGEST = 100_000_000
"""Parameters above which the products dominate, and joined copies of weights are not worth their memory."""


@dataclass(frozen=True, slots=True)
class _Layer:
    norm: Tensor
    qkv: Tensor
    out: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor


def suits(model: Any) -> bool:
    """Whether `FusedStep` computes what `model` computes, and is likely to be faster."""
    config = model.config
    return bool(
        model.device.type == "cpu"
        and model.dtype == torch.float32
        and model.num_parameters() <= LARGEST
        and config.hidden_act == "silu"
        and not config.attention_bias
        and not config.mlp_bias
        and config.rope_parameters["rope_type"] in ("default", "llama3", "linear")
        and all(type(module) is torch.nn.Linear for module in _products(model))
    )


def _products(model: Any) -> list[Any]:
    return [m for layer in model.model.layers for m in (*layer.self_attn.children(), layer.mlp.gate_proj)]


class FusedStep:
    """Decode steps of a `LlamaForCausalLM` that `suits`.

    Args:
        model: the model; its weights are read once, so they must not change afterwards.
    """

    def __init__(self, model: Any) -> None:
        config = model.config
        self._layers = [_joined(layer) for layer in model.model.layers]
        self._embedding = model.model.embed_tokens.weight.detach()
        self._norm = model.model.norm.weight.detach()
        self._head = model.lm_head.weight.detach()
        self._inverse_frequencies = model.model.rotary_emb.inv_freq
        self._rope_scale = model.model.rotary_emb.attention_scaling
        self._eps = config.rms_norm_eps
        self._width = (config.hidden_size,)
        self._head_dim = model.model.layers[0].self_attn.head_dim
        self._kv_heads = config.num_key_value_heads
        self._query_heads = config.num_attention_heads

    def __call__(self, token: int, position: int, kv: KVBuffer) -> Tensor:
        """Append `token` at `position` to `kv`; returns the logits of what follows it, `[vocabulary]`."""
        hidden = self._embedding[token].unsqueeze(0)
        cos, sin = self._rotation(position)
        for index, layer in enumerate(self._layers):
            attended = self._attend(index, layer, hidden, cos, sin, kv)
            hidden = torch.addmm(hidden, attended, layer.out)
            both = linear(rms_norm(hidden, self._width, layer.mlp_norm, self._eps), layer.gate_up)
            gate, up = both.chunk(2, 1)
            hidden = torch.addmm(hidden, silu(gate).mul_(up), layer.down)
        return linear(rms_norm(hidden, self._width, self._norm, self._eps), self._head)[0]

    def _rotation(self, position: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines, `[head_dim]`; the first half of the sines negated, as the rotation needs it."""
        angles = self._inverse_frequencies * position
        cos, sin = angles.cos() * self._rope_scale, angles.sin() * self._rope_scale
        return torch.cat((cos, cos)), torch.cat((-sin, sin))

    def _attend(
        self, index: int, layer: _Layer, hidden: Tensor, cos: Tensor, sin: Tensor, kv: KVBuffer
    ) -> Tensor:
        queries, keys_end, dim = self._query_heads, self._query_heads + self._kv_heads, self._head_dim
        heads = linear(rms_norm(hidden, self._width, layer.norm, self._eps), layer.qkv).view(-1, dim)
        turned = heads[:keys_end]
        turned = torch.addcmul(turned * cos, turned.roll(dim // 2, 1), sin)
        keys, values = kv.append(
            index,
            turned[queries:].view(1, self._kv_heads, 1, dim),
            heads[keys_end:].view(1, self._kv_heads, 1, dim),
        )
        grouped = turned[:queries].view(1, self._kv_heads, -1, dim)
        return scaled_dot_product_attention(grouped, keys, values).reshape(1, -1)


def _joined(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    with torch.no_grad():
        return _Layer(
            norm=layer.input_layernorm.weight.detach(),
            qkv=torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]),
            out=attention.o_proj.weight.detach().t(),
            mlp_norm=layer.post_attention_layernorm.weight.detach(),
            gate_up=torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
            down=mlp.down_proj.weight.detach().t(),
        )
