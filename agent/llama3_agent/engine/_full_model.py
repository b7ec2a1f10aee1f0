"""A Llama as transformers computes it, its sessions' keys and values in buffers of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from llama3_agent.engine import _attention, _fused


class FullModel:
    """What a `LlamaForCausalLM` computes, for any number of sessions at once.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        _attention.register()
        model.set_attn_implementation(_attention.NAME)
        self._model = model
        self.config = model.config
        self.dtype: torch.dtype = model.dtype
        self.device: torch.device = model.device
        self.head_dim = int(model.model.layers[0].self_attn.head_dim)
        self.step = _fused.FusedStep(model) if _fused.suits(model) else None

    def plan(self, new: int, cached: int) -> Tensor | None:
        """What attention needs to know of `new` tokens that follow `cached` ones."""
        return _attention.plan(new, cached, dtype=self.dtype, device=self.device)

    def __call__(
        self,
        row: Tensor,
        positions: Tensor,
        stretches: Sequence[_attention.Stretch[Tensor | None]],
        wanted: Tensor,
    ) -> Tensor:
        """Logits of some of the tokens of a row; all are appended to their sessions' buffers.

        Args:
            row: `[n]`, the ids of all sessions one after another.
            positions: `[n]`, of each in its session.
            stretches: whose the tokens are.
            wanted: `[k]`, of which the logits are wanted.

        Returns:
            `[k, vocabulary]`.
        """
        output = self._model(
            row.unsqueeze(0),
            position_ids=positions.unsqueeze(0),
            use_cache=False,
            logits_to_keep=wanted,
            stretches=stretches,
        )
        return output.logits[0]  # type: ignore[no-any-return]
