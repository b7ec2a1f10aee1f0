"""A stand-in for E2B, for the real SDK in its debug mode: a machine's two servers, and the service.

The code server runs real Jupyter kernels and answers in the protocol of E2B's own (NDJSON in chunks,
keepalives, a kernel that dies, a client that hangs up); the file server answers the part of `envd` that files
need; the service pauses the machine and takes it up again. All were written down from the protocols'
description. `/home/user` is a temporary folder. A cell that begins with `# fault: ` gets a fault, no answer.

Run as a program it serves until its standard input ends.
"""

from __future__ import annotations

import contextlib
import email.message
import email.parser
import email.policy
import fcntl
import http.server
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

_CODE_PORT, _FILE_PORT = 49999, 49983  # fixed by the SDK in debug mode
_HOME = "/home/user"
_KEEPALIVE_SECONDS = 0.5
_KINDS = {
    "text/plain": "text", "text/html": "html", "text/markdown": "markdown", "image/svg+xml": "svg",
    "image/png": "png", "image/jpeg": "jpeg", "application/pdf": "pdf", "text/latex": "latex",
    "application/json": "json", "application/javascript": "javascript",
    "e2b/data": "data", "e2b/chart": "chart",
}  # fmt: skip
_AT_START = """
def _start():
    import IPython, json
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode
    class Data(BaseFormatter):
        format_type, print_method, _return_type = Unicode("e2b/data"), ObjectName("_repr_e2b_data_"), dict
    def columns(frame):
        as_json = lambda name: frame[name].to_json(orient="values", date_format="iso")
        return {str(name): json.loads(as_json(name)) for name in frame.columns}
    formatters = IPython.get_ipython().display_formatter.formatters
    formatters["e2b/data"] = Data(parent=IPython.get_ipython().display_formatter)
    for module in ("pandas", "pandas.core.frame"):
        formatters["e2b/data"].for_type_by_name(module, "DataFrame", columns)
    for kind in (dict, list):
        formatters["application/json"].for_type(kind, lambda value: json.loads(json.dumps(value)))
_start()
del _start
"""


class Kernel:
    """One context: a Jupyter kernel."""

    def __init__(self, folder: Path) -> None:
        from jupyter_client.manager import KernelManager  # the parent has no need of it

        self.folder = folder
        self.lock = threading.Lock()
        self.hung = False
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._attach()

    def _attach(self) -> None:
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.client.execute(_AT_START, silent=True, store_history=False, reply=True, timeout=60)

    def run(self, code: str) -> Iterator[dict[str, Any]]:
        """Everything that happens, as E2B tells it."""
        asked = self.client.execute(code, allow_stdin=False)
        said = time.monotonic()
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                if not self.manager.is_alive():
                    yield from self._died()
                    return
                if time.monotonic() - said > _KEEPALIVE_SECONDS:
                    said = time.monotonic()
                    yield {"type": "keepalive"}
                continue
            if message["parent_header"].get("msg_id") == asked:
                if message["content"].get("execution_state") == "idle":
                    return
                yield from _told(message["msg_type"], message["content"])

    def _died(self) -> Iterator[dict[str, Any]]:
        yield {
            "type": "error",
            "name": "ContextRestarting",
            "value": "Context was restarted",
            "traceback": "",
        }
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._attach()

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def _told(kind: str, content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if kind == "execute_input":
        yield {"type": "number_of_executions", "execution_count": content["execution_count"]}
    elif kind == "stream":
        yield {"type": content["name"], "text": content["text"], "timestamp": time.time_ns()}
    elif kind in ("display_data", "execute_result"):
        forms = {_KINDS[mime]: data for mime, data in content["data"].items() if mime in _KINDS}
        extra = {mime: data for mime, data in content["data"].items() if mime not in _KINDS}
        yield {"type": "result", **forms, "extra": extra, "is_main_result": kind == "execute_result"}
    elif kind == "error":
        trace = "\n".join(content["traceback"])
        yield {"type": "error", "name": content["ename"], "value": content["evalue"], "traceback": trace}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    home: Path

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, value: Any, status: int = 200) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class _Service(_Handler):
    machine: dict[str, Any]

    def do_POST(self) -> None:
        self.body()
        _, _, name, verb = self.path.split("/")
        if name != self.machine["id"]:
            return self.answer({"code": 404, "message": "not found"}, 404)
        self.machine["paused"] = verb == "pause"
        if verb == "pause":
            return self.answer(b"", 204)
        about = {"sandboxID": name, "templateID": "t", "clientID": "c", "envdVersion": "0.4.0"}
        return self.answer(about, 201)


class _CodeServer(_Handler):
    kernels: dict[str, Kernel]
    machine: dict[str, Any]

    def do_GET(self) -> None:
        self.answer(b"", 204)

    def do_POST(self) -> None:
        asked = json.loads(self.body())
        if self.machine["paused"]:
            self.answer({"message": "the machine is paused"}, 502)
        elif self.path == "/contexts":
            name = f"context-{len(self.kernels)}-{os.getpid()}"
            self.kernels[name] = Kernel(self.home)
            self.answer({"id": name, "language": "python", "cwd": asked["cwd"]})
        elif asked["context_id"] not in self.kernels:
            self.answer({"message": f"Context {asked['context_id']} not found"}, 404)
        elif asked["code"].startswith("# fault: "):
            self._fault(asked["code"].split("\n")[0].removeprefix("# fault: "))
        else:
            self._execute(self.kernels[asked["context_id"]], asked["code"])

    def do_DELETE(self) -> None:
        kernel = self.kernels.pop(self.path.rpartition("/")[2], None)
        if kernel is not None:
            kernel.end()
        self.answer(b"", 204 if kernel else 404)

    def _execute(self, kernel: Kernel, code: str) -> None:
        self._begin()
        with kernel.lock:
            try:
                while kernel.hung:  # as E2B's: after a client hung up, the next answer never comes
                    self._line({"type": "keepalive"})
                    time.sleep(_KEEPALIVE_SECONDS)
                for line in kernel.run(code):
                    self._line(line)
                self._line({"type": "end_of_execution"})
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                kernel.hung = True
                kernel.manager.interrupt_kernel()

    def _fault(self, name: str) -> None:
        if name.isdigit():
            return self.answer({"message": "the machine is not there"}, int(name))
        self._begin()
        result = {"type": "result", "text": "1", "is_main_result": True}
        lines: dict[str, list[Any]] = {
            "late error": [result, {"type": "error", "name": "E", "value": "late", "traceback": ""}],
            "no type": [{"text": "1"}],
            "unknown type": [{"type": "of the future"}, result],
            "unknown field": [{**result, "hologram": "x"}],
            "huge line": [{"type": "stdout", "text": "x" * 5_000_000, "timestamp": 0}],
            "hostile": [
                {**result, "html": "<script>1</script><b>x</b>", "png": "AAAA", "text": "\x1b[2J<x>"}
            ],
            "half a line": [result],
            "silence": [],
        }
        for line in lines[name]:
            self._line(line)
        if name == "half a line":
            self._chunk(b'{"type": "std')
        elif name == "silence":
            time.sleep(20)
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _line(self, line: Any) -> None:
        self._chunk(json.dumps(line).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


class _FileServer(_Handler):
    def do_GET(self) -> None:
        if urlparse(self.path).path == "/health":
            return self.answer(b"", 204)
        place = self._place(parse_qs(urlparse(self.path).query)["path"][0])
        if not place.is_file():
            return self.answer({"code": 404, "message": f"path '{place}' does not exist"}, 404)
        return self.answer(place.read_bytes())

    def do_POST(self) -> None:
        url = urlparse(self.path)
        if url.path == "/filesystem.Filesystem/ListDir":
            asked = json.loads(self.body())
            top = self._place(asked["path"])
            found = (
                sorted(top.glob("/".join("*" * 1))) if asked.get("depth", 1) == 1 else sorted(top.rglob("*"))
            )
            depth = asked.get("depth", 1)
            near = [place for place in found if len(place.relative_to(top).parts) <= depth]
            return self.answer({"entries": [self._entry(place) for place in near]})
        place = self._place(parse_qs(url.query)["path"][0])
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body())
        (part,) = parts.iter_parts()  # type: ignore[attr-defined]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(part.get_payload(decode=True))
        return self.answer([{"name": place.name, "type": "file", "path": f"{_HOME}/{place.name}"}])

    def _place(self, path: str) -> Path:
        return self.home / path.removeprefix(_HOME).lstrip("/")

    def _entry(self, place: Path) -> dict[str, Any]:
        status = place.lstat()
        kind = "DIRECTORY" if place.is_dir() and not place.is_symlink() else "FILE"
        entry = {
            "name": place.name,
            "type": f"FILE_TYPE_{kind}",
            "path": f"{_HOME}/{place.relative_to(self.home).as_posix()}",
            "size": str(status.st_size),
            "mode": status.st_mode,
            "modifiedTime": datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)
            .isoformat()
            .replace("+00:00", "Z"),
        }
        return {**entry, "symlinkTarget": str(place.readlink())} if place.is_symlink() else entry


@contextlib.contextmanager
def port_taken(lock: Path) -> Iterator[None]:
    """Have the ports to oneself: tests may run in several processes."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running() -> Iterator[None]:
    """The servers, in a process of their own."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        os.environ["E2B_API_URL"] = server.stdout.readline().decode().strip()
        try:
            yield
        finally:
            del os.environ["E2B_API_URL"]
            server.stdin.close()
            server.wait(60)


def _serve() -> None:
    with tempfile.TemporaryDirectory(prefix="e2b-stand-in-") as folder:
        home = Path(folder, "home")
        home.mkdir()
        os.environ.update(JUPYTER_RUNTIME_DIR=f"{folder}/runtime", IPYTHONDIR=f"{folder}/ipython")
        kernels: dict[str, Kernel] = {}
        machine = {"id": "debug_sandbox_id", "paused": False}
        code = type("Code", (_CodeServer,), {"kernels": kernels, "home": home, "machine": machine})
        service = type("Service", (_Service,), {"machine": machine})
        files = type("Files", (_FileServer,), {"home": home})
        servers = [
            http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
            for port, handler in ((_CODE_PORT, code), (_FILE_PORT, files), (0, service))
        ]
        for server in servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"http://127.0.0.1:{servers[-1].server_port}", flush=True)
        sys.stdin.buffer.read()
        for server in servers:
            server.shutdown()
        for kernel in list(kernels.values()):
            kernel.end()


if __name__ == "__main__":
    _serve()
