"""Frames on the socket: four bytes of length, big endian, then that many bytes of JSON."""

from __future__ import annotations

import json
import socket
from typing import Any

_encode, _decode = json.JSONEncoder().encode, json.JSONDecoder().decode  # user code may replace `json.dumps`


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next frame, or None when the host has closed the channel."""
    head = _exactly(channel, 4)
    body = _exactly(channel, int.from_bytes(head, "big")) if head else None
    return _decode(body.decode()) if body else None


def send(channel: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Send one frame, with open files attached to its first byte."""
    body = _encode(message).encode()
    data = len(body).to_bytes(4, "big") + body
    sent = socket.send_fds(channel, [data], fds) if fds else 0
    channel.sendall(data[sent:])


def _exactly(channel: socket.socket, count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        part = channel.recv(min(count, 1 << 16))
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
