"""Make a trained model larger without changing what it computes.

New layers are copies of the ones before them and new neurons have random weights, but both begin with nothing
to say: the matrices that write into the residual stream are zero there (after Net2Net, Chen et al. 2016,
https://arxiv.org/abs/1511.05641, and the identity layers of Gong et al. 2019,
https://proceedings.mlr.press/v97/gong19a.html).
"""

from __future__ import annotations

import re

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

_LAYER = re.compile(r"(model\.layers\.)(\d+)(\..+)")
_WRITES = ("o_proj.weight", "down_proj.weight")


def grow(small: LlamaForCausalLM, config: LlamaConfig) -> LlamaForCausalLM:
    """``small`` with the layers and neurons of ``config``, whose other sizes are the same.

    The new layers are spread evenly; each comes right behind the layer that it is a copy of.

    Raises:
        ValueError: If ``config`` is smaller than the model, or differs in another size.
    """
    _check(small.config, config)
    large = LlamaForCausalLM(config)
    trained, state = small.state_dict(), large.state_dict()
    places = _places(small.config.num_hidden_layers, config.num_hidden_layers)
    for name, fresh in state.items():
        source, copied = _source(name, places)
        state[name] = _filled(fresh, trained[source], name)
        if copied and name.endswith(_WRITES):
            state[name].zero_()
    large.load_state_dict(state)
    return large


def _check(old: LlamaConfig, new: LlamaConfig) -> None:
    if new.num_hidden_layers < old.num_hidden_layers or new.intermediate_size < old.intermediate_size:
        raise ValueError(
            "a model does not shrink: the new one has fewer layers or neurons than the one to begin with"
        )
    for size in ("vocab_size", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"):
        if getattr(old, size) != getattr(new, size):
            raise ValueError(
                f"the model to begin with has another {size}; only layers and neurons can be added"
            )


def _places(few: int, many: int) -> list[int]:
    """The layer that each layer of the larger model comes from."""
    return [layer * few // many for layer in range(many)]


def _source(name: str, places: list[int]) -> tuple[str, bool]:
    """The name of the weight that fills ``name``, and whether an earlier layer has it already."""
    match = _LAYER.fullmatch(name)
    if not match:
        return name, False
    layer = int(match[2])
    copied = layer > 0 and places[layer - 1] == places[layer]
    return f"{match[1]}{places[layer]}{match[3]}", copied


def _filled(fresh: Tensor, trained: Tensor, name: str) -> Tensor:
    """``trained`` in the corner of ``fresh``; what is left of it is silent where it would be written."""
    filled = torch.zeros_like(fresh) if name.endswith(_WRITES) else fresh.clone()
    filled[tuple(slice(size) for size in trained.shape)] = trained
    return filled
