"""One living gate for the tests that only read; semgrep starts once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llama3_tools.gate import CodeGate


@pytest.fixture(scope="session")
def gate() -> Iterator[CodeGate]:
    gate = CodeGate(time_limit=60)
    gate.check()
    yield gate
    gate.close()
