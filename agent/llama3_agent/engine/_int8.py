"""Weights of eight bits on a CPU: a quarter of the memory to read for each token.

A decode step on a CPU is bound by reading the weights. torch's own dynamic quantization scales all rows of a
product by the largest of them, so that what a token becomes depends on which tokens share its forward, and a
cached run differs from an uncached one. Here every row has its own scale, and a token is computed the same
whoever is beside it.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from llama3_agent.engine.errors import ModelUnsuitable

_SMALLEST = torch.finfo(torch.float32).tiny


def available() -> bool:
    """Whether this build of torch, on this processor, has the products that this needs."""
    return "fbgemm" in torch.backends.quantized.supported_engines and hasattr(
        torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32"
    )


class Int8Linear(torch.nn.Module):
    """A linear layer without bias whose weights, one scale a row, and inputs, one a token, have 8 bits.

    Without VNNI two products are added in 16 bits, which 8-bit inputs overflow; there they get 7.

    Args:
        weight: `[out, in]`.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        bits = 8 if torch.cpu._is_vnni_supported() else 7
        self._zero = 2 ** (bits - 1)
        self._step = 1 / (self._zero - 1)
        scales = weight.float().abs().amax(dim=1).clamp_min(_SMALLEST) / 127
        zeros = torch.zeros_like(scales, dtype=torch.int64)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*are deprecated and will be removed")
            quantized = torch.quantize_per_channel(weight.float(), scales, zeros, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(quantized, None)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`."""
        largest = x.abs().amax(dim=-1, keepdim=True).clamp_min(_SMALLEST)
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x / largest, self._step, self._zero, self._packed
        )
        return product * largest


def quantize(model: Any) -> None:
    """Replace every linear layer of a model, its head included, in place; all else becomes float32.

    Raises:
        ModelUnsuitable: this build of torch cannot, or the model is no Llama on a CPU.
    """
    if not available():
        raise ModelUnsuitable("this build of torch has no 8-bit products (FBGEMM); leave weights at 'full'")
    if model.device.type != "cpu":
        raise ModelUnsuitable("8-bit weights are for a CPU; on a GPU leave weights at 'full'")
    torch.backends.quantized.engine = "fbgemm"
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear:
                if child.bias is not None:
                    raise ModelUnsuitable("8-bit weights are for models without biases, as Llamas are")
                setattr(parent, name, Int8Linear(child.weight.detach()))
    model.float()
