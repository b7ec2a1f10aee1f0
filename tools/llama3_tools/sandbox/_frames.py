"""Reading what the worker says, which is whatever the code inside wants it to say.

Frames are length-prefixed JSON. A frame that is too long, is no JSON, or has another shape than a reply ends
the session; nothing in it is ever run, unpickled or believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ._errors import SandboxError
from ._results import checked
from ._text import clean, one_line
from ._types import ExecutionError, Result

FRAME_LIMIT = 32 * 2**20
_RESULT_LIMIT = 256
_NAME_LIMIT, _ERROR_LIMIT = 100, 20_000
# Of 32 MB of "[],[],..." Python would make more than half a gigabyte of lists.
_MOST_BRACKETS, _MOST_COMMAS = 200_000, 2_000_000


class MalformedReply(SandboxError):  # noqa: N818
    """The worker broke the protocol."""


class Frames:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take bytes as they arrive and return the messages that they complete.

        Raises
        ------
        MalformedReply
            For a frame above `FRAME_LIMIT` or one that is not a JSON object.
        """
        self._data += data
        messages = []
        while (frame := self._next()) is not None:
            messages.append(_decode(frame))
        return messages

    def _next(self) -> bytes | None:
        if len(self._data) < 4:
            return None
        length = int.from_bytes(self._data[:4], "big")
        if length > FRAME_LIMIT:
            raise MalformedReply(f"a reply of {length} bytes; the limit is {FRAME_LIMIT}")
        if len(self._data) < 4 + length:
            return None
        frame = bytes(self._data[4 : 4 + length])
        del self._data[: 4 + length]
        return frame


def encode(message: Mapping[str, Any]) -> bytes:
    """One frame."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


def results(reply: Mapping[str, Any]) -> list[Result]:
    """The results of a reply, each form checked for its type and images for their signature."""
    shown = reply.get("results", [])
    if not isinstance(shown, list):
        raise MalformedReply("results that are not a list")
    return [checked(item) for item in shown[:_RESULT_LIMIT] if isinstance(item, dict)]


def error(reply: Mapping[str, Any]) -> ExecutionError | None:
    """The error of a reply, as clean text."""
    raw = reply.get("error")
    if raw is None:
        return None
    if not isinstance(raw, dict) or not all(
        isinstance(raw.get(key), str) for key in ("name", "value", "traceback")
    ):
        raise MalformedReply("an error of an unknown shape")
    return ExecutionError(
        name=one_line(raw["name"][:_ERROR_LIMIT], _NAME_LIMIT),
        value=clean(raw["value"][:_ERROR_LIMIT]),
        traceback=clean(raw["traceback"][:_ERROR_LIMIT]),
    )


def _decode(frame: bytes) -> dict[str, Any]:
    if frame.count(b"[") + frame.count(b"{") > _MOST_BRACKETS or frame.count(b",") > _MOST_COMMAS:
        raise MalformedReply("a reply of too many parts")
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError) as reason:
        raise MalformedReply(f"a reply that is no JSON ({type(reason).__name__})") from None
    if not isinstance(message, dict):
        raise MalformedReply("a reply that is no JSON object")
    return message
