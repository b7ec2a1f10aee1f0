"""A sequence classifier of transformers': folder in, logits out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from ..engine import ModelUnsuitable
from ..engine._config import first_line
from ..engine._int8 import Int8Linear, available
from ..engine._load import pick_device
from ..engine._progress import loading_bar

_BROKEN = (OSError, ValueError, RuntimeError, ImportError, KeyError, TypeError, SafetensorError)
_WINDOW = 512
"""What Prompt Guard was trained on, whatever its tables of positions would hold."""


class Classifier:
    """A model that tells classes of text apart, and its tokenizer.

    Args:
        folder: Holds ``config.json``, ``tokenizer.json`` and safetensors.
        device: See `Llama`.
        weights: ``"int8"`` for eight bits a weight, on a CPU.
        progress: See `Llama`.

    Attributes:
        labels: Names of the classes, in the order of the logits.
        window: Tokens of text that fit into one forward.

    Raises:
        ModelUnsuitable: the files are damaged or of another kind.
    """

    def __init__(
        self, folder: Path, *, device: str | None, weights: Literal["full", "int8"], progress: bool | None
    ) -> None:
        target = pick_device(device)
        with loading_bar(folder.name, show=progress):
            self._model, tokenizer = _loaded(folder)
        self._model.to(target).eval()
        if weights == "int8":
            _quantize(self._model, target)
        config = self._model.config
        self.labels = tuple(str(config.id2label[index]) for index in range(config.num_labels))
        self._backend = _plain(tokenizer, folder)
        self._before, self._after = _frame(self._backend)
        # A piece of the vocabulary all the same: text must not be able to frame itself.
        self._controls = frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        self._unknown = tokenizer.unk_token_id or 0
        longest = min(_WINDOW, getattr(config, "max_position_embeddings", _WINDOW))
        self.window = longest - len(self._before) - len(self._after)
        self._pad = config.pad_token_id or 0

    def encode(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The ids of a text, nothing in it being a special token, and the characters that each stands for."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        ids = [self._unknown if one in self._controls else one for one in encoding.ids]
        return ids, encoding.offsets

    def logits(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Logits ``[texts, labels]`` of texts of up to ``window`` ids, computed together."""
        rows = [[*self._before, *text, *self._after] for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [self._pad] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        device = self._model.device
        with torch.inference_mode():
            output = self._model(input_ids=ids.to(device), attention_mask=mask.to(device))
        logits: Tensor = output.logits.float().cpu()
        return logits


def _loaded(folder: Path) -> tuple[Any, Any]:
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        _check_kind(folder, config.architectures or [])
        model, info = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except _BROKEN as error:
        raise ModelUnsuitable(f"the classifier in {folder} cannot be loaded: {first_line(error)}") from error
    finally:
        transformers_logging.set_verbosity(verbosity)
    if missing := sorted(info["missing_keys"]):
        raise ModelUnsuitable(f"the weights in {folder} lack {len(missing)} tensors, such as {missing[0]!r}")
    return model, tokenizer


def _check_kind(folder: Path, architectures: Iterable[str]) -> None:
    if not any(name.endswith("ForSequenceClassification") for name in architectures):
        named = ", ".join(architectures) or "no architecture"
        raise ModelUnsuitable(f"{folder} is no sequence classifier such as Prompt Guard: it names {named}")


def _plain(tokenizer: Any, folder: Path) -> Any:
    """The tokenizer's own core: it cuts and pads nothing, takes no text for a special token, and may be
    used from several threads, since nothing of it is changed any more."""
    if not getattr(tokenizer, "is_fast", False):
        raise ModelUnsuitable(f"{folder} holds no fast tokenizer (tokenizer.json)")
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    return backend


def _frame(backend: Any) -> tuple[list[int], list[int]]:
    """The special tokens that stand before and after a text."""
    framed = backend.encode("a", add_special_tokens=True)
    marks = framed.special_tokens_mask
    first, last = marks.index(0), len(marks) - marks[::-1].index(0)
    return framed.ids[:first], framed.ids[last:]


class _Int8WithBias(torch.nn.Module):
    """`Int8Linear` and a bias.

    Args:
        linear: The layer that it stands for.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self._product = Int8Linear(linear.weight.detach())
        self._bias: Tensor | None = None if linear.bias is None else linear.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """``[..., in]`` to ``[..., out]``."""
        product: Tensor = self._product(x)
        return product if self._bias is None else product + self._bias


def _quantize(model: Any, device: torch.device) -> None:
    if not available() or device.type != "cpu":
        raise ModelUnsuitable("8-bit weights need a CPU and torch with FBGEMM; leave weights at 'full'")
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(parent, name, _Int8WithBias(child))
