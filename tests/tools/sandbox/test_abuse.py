"""Hostile code, one attempt a test, many attempts a sandbox; the host is compared before and after."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from llama3_tools.sandbox import LocalSandbox

from .host_state import host_state
from .probes import PREAMBLE, PROBES, Probe

_MARK = f"ab{os.getpid():06x}"


class Bait:
    """Things on the host that code inside looks for: a secret, in a file and in the environment; servers."""

    def __init__(self, folder: Path) -> None:
        self.secret = folder / f"secret-{_MARK}"
        self.secret.write_text("secret")
        self.servers = [socket.create_server(("127.0.0.1", 0))]
        for address in (f"\0{_MARK}", f"{self.secret}.sock"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(address)
            server.listen()
            self.servers.append(server)
        for server in self.servers:
            server.setblocking(False)
        self.words = {
            "{secret}": str(self.secret),
            "{home}": str(Path.home()),
            "{project}": str(Path(__file__).parent),
            "{port}": str(self.servers[0].getsockname()[1]),
            "{pid}": str(os.getpid()),
            "{mark}": _MARK,
        }

    def visitors(self) -> int:
        """How many connections were made to the servers."""
        count = 0
        for server in self.servers:
            try:
                server.accept()[0].close()
                count += 1
            except BlockingIOError:
                continue
        return count


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bait]:
    bait = Bait(tmp_path_factory.mktemp("bait"))
    os.environ["ABUSE_SECRET_KEY"] = _MARK
    yield bait
    del os.environ["ABUSE_SECRET_KEY"]
    for server in bait.servers:
        server.close()


@pytest.fixture(scope="module")
def victim(bait: Bait) -> Iterator[LocalSandbox]:
    before = host_state(_MARK, bait.secret)
    with LocalSandbox(memory_mb=400, disk_mb=16, processes=32, output_bytes=100_000, packages=()) as box:
        yield box
    assert bait.visitors() == 0
    assert host_state(_MARK, bait.secret) == before


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_it_holds(victim: LocalSandbox, bait: Bait, probe: Probe) -> None:
    if probe.root_only and os.geteuid() != 0:
        pytest.skip("an ordinary user's init belongs to the same user as the code, and is as confined")
    code = probe.code
    for word, value in bait.words.items():
        code = code.replace(word, value)
    victim.run_code(PREAMBLE)
    began = time.monotonic()
    execution = victim.run_code(code, timeout=probe.timeout)
    assert time.monotonic() - began < probe.timeout + 30
    assert probe.holds(execution), execution
    assert _MARK not in execution.stdout + execution.stderr or _MARK in probe.code
    assert probe.after is None or probe.after(victim)
    assert victim.run_code("40 + 2").text == "42"


def test_there_are_enough_of_them() -> None:
    assert len(PROBES) >= 90
    assert len({str(probe) for probe in PROBES}) == len(PROBES)
