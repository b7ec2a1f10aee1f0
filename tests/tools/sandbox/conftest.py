"""A running sandbox for each module of tests. Nothing here skips: without isolation these tests fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llama3_tools.sandbox import LocalSandbox


@pytest.fixture(scope="module")
def box() -> Iterator[LocalSandbox]:
    with LocalSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def fresh() -> Iterator[LocalSandbox]:
    with LocalSandbox(memory_mb=400, disk_mb=16, processes=32, packages=()) as sandbox:
        yield sandbox
