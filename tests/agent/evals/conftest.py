"""A bench with the real gate and sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llama3_agent import Guards
from llama3_agent.evals import Bench, obedient
from llama3_tools import CodeGate

MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(gate: CodeGate) -> MakeBench:
    """Make a bench whose model obeys whatever it reads, unless told otherwise."""

    def make(*guards: Any, engine: Any = obedient, judge: Any = None) -> Bench:
        return Bench(engine, guards=Guards(guards), gate=gate, judge=judge)

    return make
