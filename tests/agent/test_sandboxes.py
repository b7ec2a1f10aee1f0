"""What `sandbox=` may be."""

from __future__ import annotations

import pytest

from llama3_agent import ConfigurationError
from llama3_agent._sandboxes import sandbox_maker
from llama3_tools import E2BSandbox, LocalSandbox, SandboxError
from llama3_tools.sandbox import SandboxPool

from .conftest import MakeAgent, code, say


def test_e2b_without_a_key_is_told_at_once(make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_API_KEY", " ")
    with pytest.raises(ConfigurationError, match=r"a key of e2b.dev in E2B_API_KEY; or use 'local'"):
        make_agent(sandbox="e2b")


def test_an_unknown_sandbox(make_agent: MakeAgent) -> None:
    with pytest.raises(ConfigurationError, match="no sandbox 'cloud'; use 'local', 'e2b', "):
        make_agent(sandbox="cloud")


def test_the_weaker_level_has_to_be_asked_for_by_name() -> None:
    make, shared = sandbox_maker("landlock")
    assert make is not None
    assert (make.keywords, shared) == ({"level": "landlock"}, False)  # type: ignore[attr-defined]
    assert sandbox_maker("local") == (LocalSandbox, False)


def test_each_thread_takes_a_sandbox_out_of_a_pool(make_agent: MakeAgent) -> None:
    made: list[LocalSandbox] = []

    def make() -> LocalSandbox:
        made.append(LocalSandbox(packages=()))
        return made[-1]

    with SandboxPool(make, ready=1) as pool:
        agent = make_agent(code("x = 1; x"), say("1"), code("'x' in globals()"), say("no"), sandbox=pool.take)
        agent.run("Go.", thread="a")
        run = agent.run("Go.", thread="b")
        assert run.messages[-2].text == "completed\n[stdout]False[/stdout]"
        agent.close()
    assert len(made) >= 2


def test_e2b_with_a_key_makes_a_sandbox_for_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2B_API_KEY", "e2b_" + "0" * 40)
    assert sandbox_maker("e2b") == (E2BSandbox, False)


@pytest.mark.usefixtures("e2b_code_server")
def test_code_runs_at_e2b(make_agent: MakeAgent) -> None:
    with E2BSandbox(debug=True) as box:
        agent = make_agent(code("print(6 * 7)"), code("{}['prise']"), say("42"), sandbox=box)
        run = agent.run("What is 6 times 7?")
    assert (run.output, run.finish_reason) == ("42", "answered")
    assert [message.text for message in run.messages if message.type == "tool"] == [
        "completed\n[stdout]42[/stdout]",
        "failed\n[stderr]Traceback (most recent call last):\n  Cell 2, line 1\n    {}['prise']\n"
        "KeyError: 'prise'[/stderr]",
    ]


def test_a_sandbox_that_cannot_be_ended_does_not_take_the_answer_with_it(make_agent: MakeAgent) -> None:
    class OutOfReach(LocalSandbox):
        def close(self) -> None:
            super().close()
            raise SandboxError("the service does not answer")

    agent = make_agent(code("6 * 7"), say("42"), say("fine"))
    agent._sessions._sandbox = lambda: OutOfReach(packages=())
    assert [agent.run("Go.").output, agent.run("Hi.").output] == ["42", "fine"]
