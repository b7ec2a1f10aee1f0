"""Forwards tokens of sessions through the model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from llama3_agent.engine import _attention, _fused, _invariant
from llama3_agent.engine._batch import Batcher, Work
from llama3_agent.engine._kv import KVBuffer
from llama3_agent.engine._sessions import Session

_SHARED_CHUNKS = 4


class Runner:
    """A model, one forward at a time; any number of threads may call, and share a forward where they meet.

    Args:
        model: a `LlamaForCausalLM` in evaluation mode.
        context_length: the most tokens a session holds.
        parameters: the number of weights, whatever form they are in.
        invariant: whether a token is to come out the same, to the bit, whoever shares its forward; for models
            whose other layers do so.
    """

    def __init__(self, model: Any, *, context_length: int, parameters: int, invariant: bool = False) -> None:
        self._attention = _invariant if invariant else _attention
        self._attention.register()
        model.set_attn_implementation(self._attention.NAME)
        self._model = model
        self._context_length = context_length
        self._step = _fused.FusedStep(model) if _fused.suits(model) else None
        self.chunk = chunk_size(parameters, model.device)
        self.batcher = Batcher(self._run, most_tokens=self.chunk)

    @property
    def vocabulary(self) -> int:
        """Number of ids the model knows."""
        return int(self._model.config.vocab_size)

    @property
    def chunk_now(self) -> int:
        """Tokens of a prompt to compute at once: fewer while others wait for theirs."""
        return self.chunk if self.batcher.requests < 2 else max(1, self.chunk // _SHARED_CHUNKS)

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
        return self.batcher.forward(Work(session, tokens, rows))

    def _run(self, batch: Sequence[Work]) -> None:
        found: Sequence[Tensor]
        with torch.inference_mode():
            if self._step is not None and all(len(work.tokens) == 1 for work in batch):
                with _one_thread():
                    found = [self._one_token(self._step, work) for work in batch]
            else:
                found = self._together(batch)
        for work, logits in zip(batch, found, strict=True):
            work.session.tokens.extend(work.tokens)
            work.logits = logits

    def _one_token(self, step: _fused.FusedStep, work: Work) -> Tensor:
        session = work.session
        return step(work.tokens[0], len(session.tokens), session.kv).unsqueeze(0)

    def _together(self, batch: Sequence[Work]) -> Sequence[Tensor]:
        """All works as one row of tokens, each with its own positions and its own buffer."""
        device, dtype = self._model.device, self._model.dtype
        row: list[int] = []
        positions: list[Tensor] = []
        stretches: list[_attention.Stretch[Any]] = []
        wanted: list[Tensor] = []
        for work in batch:
            cached, new = len(work.session.tokens), len(work.tokens)
            plan = self._attention.plan(new, cached, dtype=dtype, device=device)
            stretches.append(_attention.Stretch(len(row), new, work.session.kv, plan))
            row += work.tokens
            positions.append(torch.arange(cached, cached + new, device=device))
            wanted.append(torch.arange(len(row) - work.rows, len(row), device=device))
        output = self._model(
            torch.tensor([row], device=device),
            position_ids=torch.cat(positions).unsqueeze(0),
            use_cache=False,
            logits_to_keep=torch.cat(wanted),
            stretches=stretches,
        )
        return output.logits[0].split([work.rows for work in batch])  # type: ignore[no-any-return]


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
