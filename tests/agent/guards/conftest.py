"""Tiny guards of the real architectures, trained once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from llama3_agent.guards import LlamaGuard, PromptGuard

from ...guard_models import LLAMA_GUARD, PROMPT_GUARD_1, PROMPT_GUARD_2, shared_folder


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny guards."""
    return shared_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def llama_guard(models: Path) -> LlamaGuard:
    """Llama Guard, tiny."""
    return LlamaGuard(models / LLAMA_GUARD)


@pytest.fixture(scope="session")
def version_1(models: Path) -> PromptGuard:
    """Prompt Guard 1, tiny: three labels by name."""
    return PromptGuard(models / PROMPT_GUARD_1, progress=False)


@pytest.fixture(scope="session")
def version_2(models: Path) -> PromptGuard:
    """Prompt Guard 2, tiny: two labels that are only numbered."""
    return PromptGuard(models / PROMPT_GUARD_2, progress=False)
