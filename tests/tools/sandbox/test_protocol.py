"""Replies are data from a hostile process."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama3_tools.sandbox import LocalSandbox

SOCKET = """
import os, socket, json, sys
frame = sys._getframe()
while "message" not in frame.f_locals: frame = frame.f_back
token = frame.f_locals["message"]["token"]
def is_socket(fd):
    try: return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    except OSError: return False
channel = socket.socket(fileno=next(int(fd) for fd in os.listdir("/proc/self/fd") if is_socket(fd)))
def say(text, length=None):
    body = text if isinstance(text, bytes) else text.encode()
    channel.sendall((len(body) if length is None else length).to_bytes(4, "big") + body)
"""


@pytest.mark.parametrize(
    "attack",
    [
        "say('{}', 2**31)",
        "say('not json')",
        "say('[' * 1_000_000)",
        "say('[1]')",
        "say(b'\\xff\\xfe')",
        "say(json.dumps({'token': token, 'results': 5}))",
        "say(json.dumps({'token': token, 'error': {'name': 1}}))",
        "channel.shutdown(socket.SHUT_RDWR)",
    ],
)
def test_malformed_replies_end_the_session_only(fresh: LocalSandbox, attack: str) -> None:
    execution = fresh.run_code(SOCKET + attack + "\nimport time; time.sleep(30)", timeout=10)
    assert execution.state_lost
    assert execution.error is not None
    assert execution.error.name == "SessionEnded"
    assert fresh.run_code("1").text == "1"


def test_a_forged_reply_is_just_data(fresh: LocalSandbox) -> None:
    forged = """
fake = {'text': '\\x1b[2Jhi', 'png': 'AAAA', 'evil': 1}
say(json.dumps({'token': token, 'results': [7, {'text': 5}, fake]}))
"""
    execution = fresh.run_code(SOCKET + forged)
    assert [(result.text, result.formats()) for result in execution.results] == [
        (None, ()),
        ("hi", ("text",)),
    ]
    assert fresh.run_code("2").text == "2"


def test_replies_of_other_cells_are_passed_over(fresh: LocalSandbox) -> None:
    execution = fresh.run_code(SOCKET + "say(json.dumps({'token': 'another', 'results': []}))\n'true'")
    assert execution.text == "'true'"


def test_files_sent_over_the_socket_are_not_kept(fresh: LocalSandbox) -> None:
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir()))
    fresh.run_code(
        SOCKET + "import os\nsocket.send_fds(channel, [b'\\0\\0\\0\\2{}'], [os.open('/', os.O_RDONLY)])"
    )
    assert len(list(folder.iterdir())) == before
