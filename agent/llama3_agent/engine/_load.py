"""From a folder to a model in memory."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from llama3_agent.engine._config import first_line
from llama3_agent.engine._memory import free_bytes, gigabytes
from llama3_agent.engine.errors import ModelUnsuitable

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(device: str | None) -> torch.device:
    """The device asked for, or a CUDA GPU when there is one, or the CPU.

    Raises:
        ModelUnsuitable: torch cannot use it.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ModelUnsuitable(f"unknown device {device!r}: give 'cpu', 'cuda' or 'cuda:0'") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ModelUnsuitable(f"device {device!r} was asked for, but torch sees no CUDA GPU")
    return chosen


def pick_dtype(dtype: str | torch.dtype | None, device: torch.device) -> torch.dtype:
    """The type asked for; else float32 on a CPU, where half precision is emulated, and bfloat16 on a GPU.

    Raises:
        ModelUnsuitable: it is none of float32, bfloat16, float16.
    """
    if dtype is None:
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    chosen = _DTYPES.get(dtype) if isinstance(dtype, str) else dtype
    if chosen is None or chosen not in _DTYPES.values():
        raise ModelUnsuitable(f"dtype {dtype!r} is not supported: use {', '.join(_DTYPES)}")
    return chosen


def load_model(folder: Path, *, device: torch.device, dtype: torch.dtype | None) -> Any:
    """The model in evaluation mode; weights stored in another type are converted to `dtype`, if given.

    Raises:
        ModelUnsuitable: the files are damaged or incomplete, or there is too little memory for them.
    """
    _check_memory(folder, device, dtype)
    loading: Any = LlamaForCausalLM
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        model, info = loading.from_pretrained(
            folder,
            dtype=dtype or "auto",
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, ImportError, KeyError, TypeError, SafetensorError) as error:
        raise ModelUnsuitable(f"the model in {folder} cannot be loaded: {first_line(error)}") from error
    finally:
        transformers_logging.set_verbosity(verbosity)
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ModelUnsuitable(f"the weights in {folder} lack {len(missing)} tensors, such as {missing[0]!r}")
    return model.to(device).eval()


def _check_memory(folder: Path, device: torch.device, dtype: torch.dtype | None) -> None:
    files = list(folder.glob("*.safetensors"))
    stored = sum(file.stat().st_size for file in files)
    needed = sum(map(_weights, files)) * dtype.itemsize if dtype else stored
    free = free_bytes(device)
    if needed > free:
        half = " give dtype='bfloat16', which takes half as much," if dtype == torch.float32 else ""
        shown = str(dtype).removeprefix("torch.") if dtype else "they are stored"
        raise ModelUnsuitable(
            f"the weights in {folder} take {gigabytes(needed)} as {shown}, but only {gigabytes(free)} are "
            f"free:{half} take a smaller model or free some memory"
        )


def _weights(file: Path) -> int:
    """How many numbers a file of weights holds."""
    try:
        with safe_open(file, framework="pt") as opened:
            return sum(math.prod(opened.get_slice(name).get_shape()) for name in opened.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return 0  # what is wrong with it is told when it is loaded
