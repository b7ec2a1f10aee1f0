"""Prefixes on disk, so that a restarted program does not compute its tools again.

One safetensors file: the keys and values and the tokens of each node of the tree, and in the header what
model they belong to, how the nodes follow one another, and a digest of it all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from llama3_agent.engine._config import first_line
from llama3_agent.engine.errors import SavedPrefixesError

_FORMAT = "llama3-agent prefixes 1"
_SAMPLED = 256


@dataclass(frozen=True, slots=True)
class Stretch:
    """A node of the tree.

    Attributes:
        tenant: whose it is.
        parent: the place among the stretches of the one before it; None at the beginning.
        tokens: `[n]`, int64.
        kv: their keys and values, `[layers, 2, heads, n, head_dim]`.
    """

    tenant: str
    parent: int | None
    tokens: Tensor
    kv: Tensor

    def on(self, device: torch.device) -> Stretch:
        """The same, its keys and values on a device."""
        return replace(self, kv=self.kv.to(device))


def fingerprint(model: Any, weights: str = "full") -> str:
    """What tells one model from another: its shape, its type, some numbers of each of its weights."""
    told = [_shape(model.config), weights]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode())
    for name, weight in sorted(model.named_parameters()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        flat = weight.detach().reshape(-1)
        step = max(1, len(flat) // _SAMPLED)
        digest.update(flat[::step][:_SAMPLED].float().cpu().numpy().tobytes())
    return digest.hexdigest()


def _shape(config: Any) -> dict[str, Any]:
    known = config.to_dict()
    names = ("hidden_size", "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps")
    return {name: known.get(name) for name in (*names, "head_dim", "rope_parameters", "vocab_size")}


def save(path: Path, stretches: Iterable[Stretch], *, model: str) -> int:
    """Write prefixes to a file, all or nothing.

    Args:
        path: the file; one that is there is replaced.
        stretches: parents before their children.
        model: the `fingerprint` of the model they were computed by.

    Returns:
        The number of tokens.
    """
    listed = list(stretches)
    tensors = {f"tokens.{i}": one.tokens for i, one in enumerate(listed)}
    tensors |= {f"kv.{i}": one.kv.cpu().contiguous() for i, one in enumerate(listed)}
    header = {
        "format": _FORMAT,
        "model": model,
        "nodes": json.dumps([[one.tenant, one.parent] for one in listed]),
        "digest": _digest(tensors),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    save_file(tensors, partial, metadata=header)
    partial.replace(path)
    return sum(len(one.tokens) for one in listed)


def load(path: Path, *, model: str) -> list[Stretch]:
    """Read prefixes from a file.

    Raises:
        SavedPrefixesError: it is missing, damaged, or another model's.
    """
    header, tensors = _read(path)
    if header.get("format") != _FORMAT:
        raise SavedPrefixesError(f"{path} holds no saved prefixes of this version; save them again")
    if header.get("model") != model:
        raise SavedPrefixesError(f"{path} was saved with another model or type of numbers; save it again")
    if header.get("digest") != _digest(tensors):
        raise SavedPrefixesError(f"{path} is damaged; save it again")
    return list(_stretches(json.loads(header["nodes"]), tensors))


def _stretches(nodes: list[Any], tensors: Mapping[str, Tensor]) -> Iterator[Stretch]:
    for i, (tenant, parent) in enumerate(nodes):
        yield Stretch(tenant, parent, tensors[f"tokens.{i}"], tensors[f"kv.{i}"])


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise SavedPrefixesError(f"there is no file {path}; save prefixes first") from error
    except (OSError, SafetensorError) as error:
        raise SavedPrefixesError(f"{path} cannot be read ({first_line(error)}); save it again") from error


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
