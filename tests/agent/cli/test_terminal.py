"""`llama3-agent chat` on a real terminal: Ctrl-C, Ctrl-D, the prompt."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
from llama3_agent import ScriptedLlama
from llama3_agent.cli import _setup, main
from tests.agent.conftest import byte_tokenizer, code, say

def slow(_):
    print("WRITING", file=sys.stderr, flush=True)
    time.sleep(0.5)
    return say("word " * 4000)

llama = ScriptedLlama(byte_tokenizer(), [slow, code("6 * 7"), say("It is 42.")], context_length=32768)
_setup.load_engine = lambda _: llama
sys.argv = ["llama3-agent", "chat"]
main()
"""


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, program: str, folder: Path) -> None:
        root = Path(__file__).parents[3]
        self.child, self._fd = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execve(
                sys.executable, [sys.executable, "-c", program], {**os.environ, "PYTHONPATH": str(root)}
            )
        self._shown = ""

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def until(self, text: str, seconds: float = 90) -> str:
        """Everything shown up to and including ``text``."""
        end = time.monotonic() + seconds
        while text not in self._shown:
            assert time.monotonic() < end, f"{text!r} did not come: {self._shown!r}"
            if select.select([self._fd], [], [], 0.2)[0]:
                self._shown += os.read(self._fd, 65536).decode(errors="replace")
        before, _, self._shown = self._shown.partition(text)
        return before + text

    def exit_code(self) -> int:
        _, status = os.waitpid(self.child, 0)
        os.close(self._fd)
        return os.waitstatus_to_exitcode(status)


@pytest.mark.filterwarnings("ignore:.*use of forkpty.*:DeprecationWarning")
def test_ctrl_c_stops_the_answer_and_ctrl_d_ends_the_chat(tmp_path: Path) -> None:
    terminal = Terminal(PROGRAM, tmp_path)
    terminal.until("\n> ")
    terminal.type("Talk.\n")
    terminal.until("WRITING")
    time.sleep(0.1)
    terminal.type("\x03")
    stopped = terminal.until("\n> ")
    assert "interrupted: the answer was stopped by the user" in stopped
    assert "Traceback" not in stopped
    terminal.type("half a line")
    terminal.until("half a line")
    time.sleep(0.2)  # a signal before the program waits for the next key would be seen with that key
    terminal.type("\x03")
    terminal.until("(Ctrl-D or /quit leaves)")
    terminal.until("\n> ")
    terminal.type("Compute.\n")
    answered = terminal.until("\n> ")
    assert "[stdout]42[/stdout]" in answered
    assert "It is 42." in answered
    terminal.type("\x04")
    assert terminal.exit_code() == 0
    assert list(tmp_path.iterdir()) == []
