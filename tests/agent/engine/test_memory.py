"""What does not fit into memory is refused before it is computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from llama3_agent._llama import Llama
from llama3_agent.engine import ModelUnsuitable, NotEnoughMemory, Sampling, _load, _memory, _sessions


def test_there_is_memory_left() -> None:
    assert 10**8 < _memory.free_bytes(torch.device("cpu")) < 10**14


def test_a_containers_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 600\ninactive_file 50\n")
    assert _memory._left_in_container(tmp_path) == 350
    (tmp_path / "memory.max").write_text("max\n")
    assert _memory._left_in_container(tmp_path) is None
    assert _memory._left_in_container(tmp_path / "none") is None


def test_a_request_too_large_for_memory_is_refused(llama: Llama, monkeypatch: pytest.MonkeyPatch) -> None:
    llama.complete([1, 2, 3], sampling=Sampling(max_tokens=4))
    monkeypatch.setattr(_sessions, "free_bytes", lambda _device: 0)
    with pytest.raises(
        NotEnoughMemory, match=r"cache of 403 tokens, prompt and answer, takes .* lower max_tok"
    ):
        llama.complete([1, 2, 3], sampling=Sampling(max_tokens=400))
    # What was there still is, and what needs no more memory still works.
    assert llama.complete([1, 2, 3], sampling=Sampling(max_tokens=4)).cached_tokens == 2


def test_a_model_too_large_for_memory_is_not_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_load, "free_bytes", lambda _device: 200_000)
    with pytest.raises(
        ModelUnsuitable, match=r"take 0\.3 MB as float32, but only 0\.2 MB are free: give dtype"
    ):
        Llama(folder, device="cpu", progress=False)
    assert Llama(folder, device="cpu", dtype="bfloat16", progress=False).complete([1, 2]).ids
