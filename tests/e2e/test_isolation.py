"""What code can reach once it runs: not the network, not the host's files, not its environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import llama3_agent
import llama3_prompts
import llama3_tools
from llama3_tools import LocalSandbox

from ..ordinary_user import run_as_ordinary_user
from .conftest import MakeAgent, code, say

SECRET = "a-word-that-is-written-nowhere-else"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server on the host's loopback that somebody could connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        yield server


def test_network(server: socket.socket) -> None:
    port = server.getsockname()[1]
    attempts = (
        f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=2)",
        f"import urllib.request\nurllib.request.urlopen('http://localhost:{port}', timeout=2)",
        "import socket\nsocket.create_connection(('1.1.1.1', 53), timeout=2)",
        "import socket\nsocket.getaddrinfo('example.com', 80)",
    )
    with LocalSandbox() as box:
        for attempt in attempts:
            execution = box.run_code(attempt, timeout=20)
            assert execution.error is not None, attempt
            assert "Error" in execution.error.name or execution.error.name == "gaierror"
    with pytest.raises(TimeoutError):
        server.accept()


def test_host_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    monkeypatch.setenv("LLAMA3_AGENT_TEST_SECRET", SECRET)
    look = (
        f"open({str(tmp_path / 'secret.txt')!r}).read()",
        "open('/etc/shadow').read()",
        f"open({__file__!r}).read()",
        "open('/proc/1/environ').read()",
        "open('/usr/lib/written', 'w').write('x')",
        "open('/written', 'w').write('x')",
    )
    with LocalSandbox() as box:
        for attempt in look:
            execution = box.run_code(attempt, timeout=20)
            assert SECRET not in f"{execution.text}{execution.stdout}"
            assert execution.error is not None or "environ" in attempt, attempt
        assert SECRET not in (box.run_code("import os\nstr(dict(os.environ))").text or SECRET)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]


def test_through_the_agent(make_agent: MakeAgent, server: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    port = server.getsockname()[1]
    attempts = (
        code(f"import urllib.request as u\nprint(u.urlopen('http://127.0.0.1:{port}').read())"),
        code(f"import pandas as pd\npd.read_csv('http://127.0.0.1:{port}/t.csv')"),
        code(f"print(open({str(tmp_path / 'secret.txt')!r}).read())"),
        code(f"from pathlib import Path\nprint(Path({str(tmp_path)!r}, 'secret.txt').read_text())"),
    )
    run = make_agent(*attempts, say("No way.")).run("Go.")
    assert run.output == "No way."
    results = [str(message.content) for message in run.messages if message.type == "tool"]
    assert [result.partition("\n")[0] in ("blocked", "failed") for result in results] == [True] * 4
    assert SECRET not in "".join(results)
    with pytest.raises(TimeoutError):
        server.accept()


def test_a_full_disk_is_an_error_inside(make_agent: MakeAgent) -> None:
    fill = "for number in range(64):\n    open(f'{number}.bin', 'wb').write(bytes(1 << 20))"
    with LocalSandbox(disk_mb=8) as box:
        agent = make_agent(code(fill), say("It is full."), code("6 * 7"), say("42"), sandbox=box)
        full = agent.run("Fill it.", thread="t")
        after = agent.run("And?", thread="t")
    assert full.finish_reason == "answered"
    (failed, *_) = [str(message.content) for message in full.messages if message.type == "tool"]
    assert failed.startswith("failed\n")
    assert "No space left on device" in failed
    assert after.messages[-2].content == "completed\n[stdout]42[/stdout]"


@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs `doctor` in its own tests")
def test_doctor_as_an_ordinary_user() -> None:
    sources = {
        package.__name__: Path(package.__file__ or "").parents[1]
        for package in (llama3_agent, llama3_tools, llama3_prompts)
    }
    command = ["-m", "llama3_agent.cli", "doctor"]
    run = run_as_ordinary_user(command, sources, sources=list(sources), timeout=580)
    assert run.returncode == 0, run.stdout + run.stderr
    (line,) = [line for line in run.stdout.splitlines() if line.split()[1] == "sandbox"]
    assert line.startswith("ok        sandbox    isolated by bubblewrap: ")
    assert "user namespace; no network; system-call filter" in line
