"""Prefixes on disk: what comes back is what went, and nothing else comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama3_agent._llama import Llama
from llama3_agent.engine import Sampling, SavedPrefixesError

from .conftest import save_model

SHORT = Sampling(max_tokens=8)
PROMPT = [256, *[i * 7 % 256 for i in range(40)]]


def started(folder: Path, **options: object) -> Llama:
    return Llama(folder, device="cpu", progress=False, **options)  # type: ignore[arg-type]


@pytest.fixture
def saved(folder: Path, tmp_path: Path) -> Path:
    llama = started(folder)
    for tail in ([1, 2], [1, 3], [4]):
        llama.complete([*PROMPT, *tail], session=str(tail), sampling=SHORT)
    llama.complete(PROMPT, tenant="other", sampling=SHORT)
    path = tmp_path / "deep" / "prefixes.safetensors"
    # Three layers, keys and values, two heads of twelve numbers of four bytes.
    assert llama.save_prefixes(path) == llama.stats().shared_bytes / (3 * 2 * 2 * 12 * 4)
    return path


def test_a_restarted_model_goes_on_where_it_stopped(folder: Path, saved: Path) -> None:
    before, after = started(folder), started(folder)
    assert after.load_prefixes(saved) > 100
    for tail in ([1, 2], [1, 3], [4], [5]):
        cold = before.complete([*PROMPT, *tail], tenant=str(tail), sampling=SHORT)
        warm = after.complete([*PROMPT, *tail], session=str(tail), sampling=SHORT)
        assert warm.ids == cold.ids
        assert warm.logprobs == pytest.approx(cold.logprobs, abs=1e-5)
        assert warm.computed_tokens == 1
    assert after.complete(PROMPT, tenant="other", sampling=SHORT).computed_tokens == 1
    assert after.complete(PROMPT, tenant="third", sampling=SHORT).cached_tokens == 0


def test_loading_adds_to_what_is_there(folder: Path, saved: Path) -> None:
    llama = started(folder)
    llama.complete([*PROMPT[:20], 9, 9], sampling=SHORT)
    llama.load_prefixes(saved)
    held = llama.stats().shared_bytes
    assert llama.load_prefixes(saved) > 0
    assert llama.stats().shared_bytes == held
    assert llama.complete([*PROMPT, 4], session="x", sampling=SHORT).computed_tokens == 1
    assert llama.complete([*PROMPT[:20], 9, 9], session="y", sampling=SHORT).computed_tokens == 1


def test_the_budget_holds_for_what_is_loaded(folder: Path, saved: Path) -> None:
    llama = started(folder, cache_bytes=50_000)
    llama.load_prefixes(saved)
    assert llama.stats().cache_bytes <= 50_000
    assert llama.complete(PROMPT, sampling=SHORT).ids


def test_files_that_cannot_be_used_are_refused(folder: Path, saved: Path, tmp_path: Path) -> None:
    llama = started(folder)
    with pytest.raises(SavedPrefixesError, match="there is no file"):
        llama.load_prefixes(tmp_path / "none")
    data = bytearray(saved.read_bytes())
    (tmp_path / "short").write_bytes(data[:-9])
    with pytest.raises(SavedPrefixesError, match="cannot be read"):
        llama.load_prefixes(tmp_path / "short")
    data[-5] ^= 1
    (tmp_path / "flipped").write_bytes(data)
    with pytest.raises(SavedPrefixesError, match="is damaged"):
        llama.load_prefixes(tmp_path / "flipped")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(SavedPrefixesError, match="cannot be read"):
        llama.load_prefixes(tmp_path / "text")
    with pytest.raises(SavedPrefixesError, match="no saved prefixes of this version"):
        llama.load_prefixes(folder / "model.safetensors")
    assert llama.stats().shared_bytes == 0


def test_another_model_is_refused(folder: Path, saved: Path, tmp_path: Path) -> None:
    with pytest.raises(SavedPrefixesError, match="another model"):
        started(folder, dtype="bfloat16").load_prefixes(saved)
    other = save_model(tmp_path / "other", intermediate_size=80)
    with pytest.raises(SavedPrefixesError, match="another model"):
        started(other).load_prefixes(saved)
