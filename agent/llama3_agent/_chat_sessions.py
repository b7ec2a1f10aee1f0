"""The engine's sessions that a chat model has open."""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from .engine import Engine


class SessionNames:
    """Sessions of the engine, one for each request that is under way."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        self._idle: list[str] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _release, engine, self._idle, tenant)

    @contextmanager
    def one(self) -> Iterator[str]:
        with self._lock:
            name = self._idle.pop() if self._idle else f"chat-{uuid.uuid4().hex[:12]}"
        try:
            yield name
        finally:
            with self._lock:
                self._idle.append(name)


def _release(engine: Engine, names: list[str], tenant: str) -> None:
    for name in names:
        engine.release(name, tenant=tenant)
