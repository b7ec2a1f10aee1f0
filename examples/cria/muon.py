"""Muon: momentum whose update is orthogonalised (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

torch has one of its own, which always orthogonalises in bfloat16; processors without bfloat16 units take
several times as long for that as for float32, and matrices of one shape are done here together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

HALF = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
"""bfloat16 is faster than float32 on processors with units for it, and several times as slow without."""
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(updates: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Push all singular values of ``[n, rows, columns]`` matrices to about one, by Newton-Schulz steps."""
    a, b, c = _COEFFICIENTS
    tall = updates.size(-2) > updates.size(-1)
    x = updates.mT if tall else updates
    x = (x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)).to(torch.bfloat16 if HALF else x.dtype)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(updates.dtype)


class Muon(torch.optim.Optimizer):
    """For the matrices of the hidden layers; matrices of one shape are orthogonalised together."""

    def __init__(
        self,
        params: Iterable[torch.nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One update of every matrix."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                shapes[parameter.shape].append(parameter)
            for shape, parameters in shapes.items():
                self._update(parameters, shape, group)

    def _update(
        self, parameters: list[torch.nn.Parameter], shape: torch.Size, group: dict[str, float]
    ) -> None:
        updates = torch.stack([self._momentum(parameter, group["momentum"]) for parameter in parameters])
        scale = max(1.0, shape[0] / shape[1]) ** 0.5
        for parameter, update in zip(parameters, orthogonalise(updates), strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-group["lr"] * scale)

    def _momentum(self, parameter: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        state = self.state[parameter]
        if not state:
            state["buffer"] = torch.zeros_like(parameter)
        gradient = parameter.grad
        assert gradient is not None
        state["buffer"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["buffer"], momentum)
