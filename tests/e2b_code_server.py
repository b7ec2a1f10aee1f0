"""A small server that speaks the protocol of E2B's code server, for the real SDK in its debug mode.

Its answers were written down from the protocol's description; it runs the code with `exec`.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PORT = 49999  # fixed by the SDK in debug mode


class _CodeServer(http.server.BaseHTTPRequestHandler):
    namespaces: dict[str, dict[str, Any]]
    count: int

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/contexts":
            name = f"context-{len(self.namespaces)}"
            self.namespaces[name] = {}
            self._answer([{"id": name, "language": "python", "cwd": body["cwd"]}])
        else:
            type(self).count += 1
            self._answer(self._execute(body["code"], self.namespaces[body["context_id"]]))

    def _execute(self, code: str, namespace: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"type": "number_of_executions", "execution_count": self.count}
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                if code.startswith("="):
                    yield {"type": "result", "text": repr(eval(code[1:], namespace)), "is_main_result": True}
                else:
                    exec(code, namespace)
        except (KeyError, ArithmeticError) as error:
            trace = f"\x1b[0;31mCell \x1b[0;32mIn[{self.count}], line 1\x1b[0m"
            yield {"type": "error", "name": type(error).__name__, "value": str(error), "traceback": trace}
        yield {"type": "stdout", "text": printed.getvalue(), "timestamp": 0}
        yield {"type": "end_of_execution"}

    def _answer(self, lines: Any) -> None:
        self.send_response(200)
        self.end_headers()
        for line in lines:
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(json.dumps(line).encode() + b"\n")

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextlib.contextmanager
def port_taken(lock: Path) -> Iterator[None]:
    """Have the port to oneself: tests may run in several processes."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running() -> Iterator[None]:
    """The server, answering in a thread."""
    handler = type("Handler", (_CodeServer,), {"namespaces": {}, "count": 0})
    with http.server.ThreadingHTTPServer(("127.0.0.1", _PORT), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
