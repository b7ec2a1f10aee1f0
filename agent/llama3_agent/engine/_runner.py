"""Forwards tokens of a session through the model."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from llama3_agent.engine import _attention, _fused
from llama3_agent.engine._kv import KVBuffer
from llama3_agent.engine._sessions import Session


class Runner:
    """A model, one forward at a time; any number of threads may call.

    Args:
        model: a `LlamaForCausalLM` in evaluation mode.
        context_length: the most tokens a session holds.
    """

    def __init__(self, model: Any, *, context_length: int) -> None:
        _attention.register()
        model.set_attn_implementation(_attention.NAME)
        self._model = model
        self._context_length = context_length
        self._lock = threading.Lock()
        self._step = _fused.FusedStep(model) if _fused.suits(model) else None
        self.chunk = chunk_size(model.num_parameters(), model.device)

    @property
    def vocabulary(self) -> int:
        """Number of ids the model knows."""
        return int(self._model.config.vocab_size)

    def new_buffer(self) -> KVBuffer:
        """An empty cache for this model."""
        config = self._model.config
        return KVBuffer(
            layers=config.num_hidden_layers,
            heads=config.num_key_value_heads,
            head_dim=self._model.model.layers[0].self_attn.head_dim,
            limit=self._context_length,
            dtype=self._model.dtype,
            device=self._model.device,
        )

    def forward(self, session: Session, tokens: Sequence[int], *, rows: int = 1) -> Tensor:
        """Append `tokens` to the session.

        Returns:
            The logits of what follows each of the last `rows` of them, `[rows, vocabulary]`.
        """
        with self._lock, torch.inference_mode():
            if self._step is not None and len(tokens) == 1:
                with _one_thread():
                    logits = self._step(tokens[0], len(session.tokens), session.kv).unsqueeze(0)
            else:
                logits = self._full(session, tokens, rows)
        session.tokens.extend(tokens)
        return logits

    def _full(self, session: Session, tokens: Sequence[int], rows: int) -> Tensor:
        device = self._model.device
        start, new = len(session.tokens), len(tokens)
        output = self._model(
            torch.tensor([tokens], device=device),
            position_ids=torch.arange(start, start + new, device=device).unsqueeze(0),
            use_cache=False,
            logits_to_keep=rows,
            kv=session.kv,
            mask=_attention.offset_mask(new, start, dtype=self._model.dtype, device=device),
        )
        return output.logits[0]  # type: ignore[no-any-return]


def chunk_size(parameters: int, device: torch.device) -> int:
    """Tokens to prefill at once: enough for efficient products, few enough to cancel within about a second.

    A token costs about two operations a parameter, and a few CPU cores do about 1e11 a second.
    """
    if device.type != "cpu":
        return 1024
    return max(64, min(1024, int(1e11 / (2 * parameters))))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run a small model's step on one core.

    Its products take microseconds. A second core that is idle makes a step about 1.4 times as fast, one that
    is busy with something else (a sandbox, another test) halves its speed.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
