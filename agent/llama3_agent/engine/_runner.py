"""Forwards tokens of sessions through the model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from llama3_agent.engine._attention import Stretch
from llama3_agent.engine._batch import Batcher, Work
from llama3_agent.engine._full_model import FullModel
from llama3_agent.engine._fused import FusedStep
from llama3_agent.engine._int8_model import Int8Model
from llama3_agent.engine._kv import KVBuffer
from llama3_agent.engine._sessions import Session

_SHARED_CHUNKS = 4


class Runner:
    """A model, one forward at a time; any number of threads may call, and share a forward where they meet.

    Args:
        model: computes rows of tokens.
        context_length: the most tokens a session holds.
        parameters: the number of weights, whatever form they are in.
    """

    def __init__(self, model: FullModel | Int8Model, *, context_length: int, parameters: int) -> None:
        self._model: Any = model
        self._context_length = context_length
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
            head_dim=self._model.head_dim,
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
            step = self._model.step
            if step is not None and all(len(work.tokens) == 1 for work in batch):
                with _one_thread():
                    found = [self._one_token(step, work) for work in batch]
            else:
                found = self._together(batch)
        for work, logits in zip(batch, found, strict=True):
            work.session.tokens.extend(work.tokens)
            work.logits = logits

    def _one_token(self, step: FusedStep, work: Work) -> Tensor:
        session = work.session
        return step(work.tokens[0], len(session.tokens), session.kv).unsqueeze(0)

    def _together(self, batch: Sequence[Work]) -> Sequence[Tensor]:
        """All works as one row of tokens, each with its own positions and its own buffer."""
        device = self._model.device
        row: list[int] = []
        positions: list[Tensor] = []
        stretches: list[Stretch[Any]] = []
        wanted: list[Tensor] = []
        for work in batch:
            cached, new = len(work.session.tokens), len(work.tokens)
            stretches.append(Stretch(len(row), new, work.session.kv, self._model.plan(new, cached)))
            row += work.tokens
            positions.append(torch.arange(cached, cached + new, device=device))
            wanted.append(torch.arange(len(row) - work.rows, len(row), device=device))
        logits: Tensor = self._model(
            torch.tensor(row, device=device), torch.cat(positions), stretches, torch.cat(wanted)
        )
        return torch.split(logits, [work.rows for work in batch])


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
