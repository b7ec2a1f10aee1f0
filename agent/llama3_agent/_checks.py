"""What can be known to be wrong before an agent is asked anything."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from llama3_prompts import Transcript

from .engine import Engine
from .errors import ConfigurationError


def loaded(llama: Engine | str | Path) -> Engine:
    """The engine itself, or the model of this name."""
    if isinstance(llama, str | Path):
        from ._llama import Llama  # torch: only when a model is to be loaded

        return Llama(str(llama))
    return llama


def can_constrain() -> bool:
    """Whether calls can be decoded under a grammar here."""
    return importlib.util.find_spec("llguidance") is not None


def check_limits(**limits: int | None) -> None:
    """Refuse counts below 1; None is no limit."""
    for name, value in limits.items():
        if value is not None and value < 1:
            raise ConfigurationError(f"{name} must be at least 1, not {value!r}")


def check_times(**limits: float | None) -> None:
    """Refuse seconds that are not above 0; None is no limit."""
    for name, value in limits.items():
        if value is not None and not value > 0:
            raise ConfigurationError(f"{name} must be above 0, not {value!r}")


def check_opening(llama: Engine, opening: dict[str, Any]) -> None:
    """Open a conversation once: what cannot be framed is told now, not with the first question."""
    try:
        tokens = Transcript(llama.tokenizer, llama.family, **opening).position
    except ValueError as error:
        raise ConfigurationError(f"no conversation can be framed for this model: {error}") from error
    if tokens >= llama.context_length:
        raise ConfigurationError(
            f"instructions and tools take {tokens:,} tokens, but the model holds {llama.context_length:,}; "
            "shorten the instructions or offer fewer tools"
        )
