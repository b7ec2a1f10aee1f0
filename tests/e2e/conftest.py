"""The whole program with the embedded model: nothing is stood in for."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llama3_agent import Agent, Llama, ScriptedLlama
from llama3_tools import CodeGate

TODAY = datetime.date(2026, 11, 21)

MakeAgent = Callable[..., Agent]


def code(text: str) -> str:
    """What Llama 3 writes to run code."""
    return f"<|python_tag|>{text}<|eom_id|>"


def say(text: str) -> str:
    """What Llama 3 writes to answer."""
    return f"{text}<|eot_id|>"


@pytest.fixture(scope="session")
def llama() -> Llama:
    """The embedded model, loaded once."""
    return Llama("cria", device="cpu", progress=False)


@pytest.fixture(scope="session")
def gate() -> Iterator[CodeGate]:
    """One gate for all tests: starting it is what takes time."""
    gate = CodeGate()
    yield gate
    gate.close()


@pytest.fixture
def make_agent(llama: Llama, gate: CodeGate) -> Iterator[MakeAgent]:
    """Make an agent that the model drives, or, given replies, a script that speaks the model's tokens."""
    agents: list[Agent] = []

    def make(*replies: str, **settings: object) -> Agent:
        engine = ScriptedLlama(llama.tokenizer, replies, context_length=4096) if replies else llama
        agents.append(Agent(engine, **{"gate": gate, "today": TODAY, **settings}))  # type: ignore[arg-type]
        return agents[-1]

    yield make
    for agent in agents:
        agent.close()


@dataclass(frozen=True, slots=True)
class Home:
    """An account of its own for a program: everything it could leave behind is below `root`.

    Attributes:
        root: The account's files.
        cache: Where programs may keep what they would only make again; shared, to save time.
    """

    root: Path
    cache: Path

    @property
    def work(self) -> Path:
        """Where the program is started."""
        return self.root / "work"

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of the account."""
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        own = {"HOME": self.root / "home", "TMPDIR": self.root / "tmp", "XDG_CACHE_HOME": self.cache}
        return {**kept, "HF_HUB_OFFLINE": "1", **{name: str(path) for name, path in own.items()}, **changes}

    def left_behind(self) -> list[str]:
        """Every file below `root`, as a relative path."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for all accounts."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Home:
    """An empty account."""
    for name in ("work", "home", "tmp"):
        (tmp_path / name).mkdir()
    return Home(tmp_path, cache)


@pytest.fixture(scope="session")
def program() -> str:
    """The installed command."""
    path = Path(sys.prefix) / "bin" / "llama3-agent"
    assert path.exists(), "run `make install`"
    return str(path)
