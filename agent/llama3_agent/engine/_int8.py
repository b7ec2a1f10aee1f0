"""Weights of eight bits on a CPU: a quarter of the memory to read for each token.

A decode step on a CPU is bound by reading the weights. torch's own dynamic quantization scales all rows of a
product by the largest of them, so that what a token becomes depends on which tokens share its forward, and a
cached run differs from an uncached one. Here every row has its own scale, and a token is computed the same
whoever is beside it.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

_SMALLEST = torch.finfo(torch.float32).tiny


def available() -> bool:
    """Whether this build of torch, on this processor, has the products that this needs."""
    return "fbgemm" in torch.backends.quantized.supported_engines and hasattr(
        torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32"
    )


class Int8Linear:
    """A product with weights, one scale a row, and inputs, one a token, of 8 bits.

    Without VNNI two products are added in 16 bits, which 8-bit inputs overflow; there they get 7.

    Args:
        weights: each `[out, in]`; their results are joined.
    """

    def __init__(self, *weights: Tensor) -> None:
        torch.backends.quantized.engine = "fbgemm"
        weight = torch.cat([one.detach().float() for one in weights])
        bits = 8 if torch.cpu._is_vnni_supported() else 7
        self._zero = 2 ** (bits - 1)
        self._step = 1 / (self._zero - 1)
        scales = weight.abs().amax(dim=1).clamp_min(_SMALLEST) / 127
        zeros = torch.zeros_like(scales, dtype=torch.int64)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*are deprecated and will be removed")
            quantized = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        self._packed = torch.ops.quantized.linear_prepack(quantized, None)

    def __call__(self, x: Tensor) -> Tensor:
        """`[..., in]` to `[..., out]`."""
        largest = torch.linalg.vector_norm(x, torch.inf, dim=-1, keepdim=True).clamp_min_(_SMALLEST)
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x / largest, self._step, self._zero, self._packed
        )
        return product.mul_(largest)
