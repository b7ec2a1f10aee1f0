"""Sessions: each has its own cache, and those used longest ago make room for the others."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from llama3_agent.engine._kv import KVBuffer
from llama3_agent.engine._prefix import reusable

_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Session:
    """One conversation's cache: the ids whose keys and values `kv` holds, in order.

    Between requests ``kv.length == len(tokens)``.
    """

    kv: KVBuffer
    tokens: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0

    def rewind_to(self, prompt: Sequence[int]) -> int:
        """Keep only what serves `prompt`; returns how many tokens that is."""
        kept = reusable(self.tokens, prompt)
        del self.tokens[kept:]
        self.settle()
        return kept

    def settle(self) -> None:
        """Drop what an aborted forward left in some layers."""
        self.kv.crop(len(self.tokens))


class SessionStore:
    """Sessions by name, least recently used first out.

    Args:
        new_buffer: makes an empty buffer.
        budget_bytes: memory that the caches may occupy together. Sessions in use, and the one used last, stay
            even when they exceed it.
    """

    def __init__(self, new_buffer: Callable[[], KVBuffer], *, budget_bytes: int) -> None:
        self._new_buffer = new_buffer
        self._budget = budget_bytes
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._guard = threading.Lock()
        self._evictions = 0

    def acquire(self, name: str, cancel: threading.Event | None) -> Session | None:
        """The session, for this caller alone; None if `cancel` was set while another one held it."""
        with self._guard:
            session = self._sessions.setdefault(name, Session(self._new_buffer()))
            self._sessions.move_to_end(name)
            session.users += 1
        try:
            while not session.lock.acquire(timeout=_POLL_SECONDS):
                if cancel is not None and cancel.is_set():
                    self._leave(session)
                    return None
        except BaseException:  # Ctrl-C while waiting: a session that is marked as used is never evicted
            self._leave(session)
            raise
        return session

    def give_back(self, session: Session) -> None:
        """End the use that `acquire` began."""
        session.settle()
        session.lock.release()
        self._leave(session)

    def make_room(self, session: Session, tokens: int) -> None:
        """Let `session` hold `tokens`, at the expense of others if need be."""
        if tokens <= session.kv.capacity:
            return
        with self._guard:
            self._trim(session.kv.bytes_for(tokens) - session.kv.nbytes, keep=session)
        session.kv.reserve(tokens)

    def release(self, name: str) -> None:
        """Forget a session. One in use loses its cache when that use ends."""
        with self._guard:
            self._sessions.pop(name, None)

    def totals(self) -> tuple[int, int, int]:
        """Bytes held, sessions held, sessions evicted so far."""
        with self._guard:
            return self._held(), len(self._sessions), self._evictions

    def _leave(self, session: Session) -> None:
        with self._guard:
            session.users -= 1
            self._trim(0, keep=next(reversed(self._sessions.values()), None))

    def _held(self) -> int:
        return sum(session.kv.nbytes for session in self._sessions.values())

    def _trim(self, wanted: int, *, keep: Session | None) -> None:
        excess = self._held() + wanted - self._budget
        for name, session in list(self._sessions.items()):
            if excess <= 0:
                return
            if session.users or session is keep or not session.kv.nbytes:
                continue
            del self._sessions[name]
            self._evictions += 1
            excess -= session.kv.nbytes
