"""What is public, and what importing it costs."""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys

import pytest

PACKAGES = [
    "llama3_agent",
    "llama3_agent.engine",
    "llama3_agent.events",
    "llama3_agent.evals",
    "llama3_agent.guards",
    "llama3_prompts",
    "llama3_tools",
    "llama3_tools.gate",
    "llama3_tools.sandbox",
    "llama3_tools.web",
]
HEAVY = (
    "torch",
    "transformers",
    "semgrep",
    "langgraph",
    "langchain_core",
    "codeshield",
    "e2b_code_interpreter",
)


def _order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_complete(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(set(module.__all__), key=_order)
    for public in module.__all__:
        assert getattr(module, public) is not None
        assert public in dir(module)


def test_lazy_names_are_listed_once() -> None:
    import llama3_agent

    names = [name for home in llama3_agent._HOMES.values() for name in home]
    assert sorted(names) == llama3_agent.__all__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = llama3_agent.nonsense


def test_the_tools_package_offers_everything_that_a_sandbox_takes_gives_and_raises() -> None:
    import llama3_tools
    import llama3_tools.sandbox

    assert set(llama3_tools.sandbox.__all__) - {"inside_name", "probe"} <= set(llama3_tools.__all__)


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_the_agent_loads_nothing_heavy() -> None:
    loaded = _python(f"import sys, llama3_agent\nprint([name for name in {HEAVY} if name in sys.modules])")
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("name", ["llama3_prompts", "llama3_tools"])
def test_the_ground_floors_know_neither_torch_nor_each_other(name: str) -> None:
    other = {"llama3_prompts": "llama3_tools", "llama3_tools": "llama3_prompts"}[name]
    banned = ("torch", "transformers", "langgraph", "llama3_agent", other)
    loaded = _python(f"import sys, {name}\nprint([name for name in {banned} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_using_an_agent_class_does_not_load_torch() -> None:
    banned = ("torch", "transformers", "semgrep")
    loaded = _python(
        f"import sys\nfrom llama3_agent import Agent\nprint([n for n in {banned} if n in sys.modules])"
    )
    assert loaded.strip() == "[]"


def _seconds_of_children() -> float:
    """Processor time, which a busy machine does not stretch as it does the clock's."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_is_quick_and_light() -> None:
    program = (
        "import sys\nsys.argv = ['llama3-agent', '--help']\nfrom llama3_agent.cli import main\n"
        f"try:\n    main()\nfinally:\n    print([name for name in {HEAVY} if name in sys.modules])"
    )
    start = _seconds_of_children()
    shown = _python(program)
    assert _seconds_of_children() - start < 1
    assert "run" in shown
    assert "doctor" in shown
    assert shown.strip().endswith("[]")
