"""Entry point inside the sandbox: confine, prove, then serve cells until the host hangs up."""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import socket
import sys
from typing import Any, cast

from . import _confine
from ._escapes import escapes
from ._session import Session
from ._show import draw_as
from ._wire import receive, send


def main() -> None:
    """Serve the host over the inherited socket, as the JSON in the first argument says."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = _channel(options["fd"])
    if options["uid"] is not None:
        _confine.become(options["uid"])
    _confine.limit(options["limits"])
    _prepare(options["packages"], options["boot"])
    namespaces = "confine" not in options
    if not namespaces:
        _confine.lower(options["confine"])
    draw_as(options["figures"])
    session = Session()
    work = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    send(channel, {"ready": True, "escapes": escapes(namespaces=namespaces)}, (work,))
    os.close(work)
    _serve(channel, session)


def _channel(fd: int) -> socket.socket:
    os.closerange(3, fd)
    os.closerange(fd + 1, 256)
    os.set_inheritable(fd, False)
    return socket.socket(fileno=fd)


def _prepare(packages: str, boot: str) -> None:
    sys.path[:] = ["", *(place for place in sys.path if place != boot), packages]
    sys.argv[:] = [""]
    for stream in cast("tuple[io.TextIOWrapper, ...]", (sys.stdout, sys.stderr)):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    gc.freeze()


def _serve(channel: socket.socket, session: Session) -> None:
    while (message := receive(channel)) is not None:
        reply = session.run(message["cell"], message["code"])
        send(channel, {"token": message["token"], **reply})


if __name__ == "__main__":
    main()
