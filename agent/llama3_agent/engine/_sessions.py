"""Sessions: each has a buffer of its own, and what any of them computed serves them all."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from llama3_agent.engine._kv import KVBuffer
from llama3_agent.engine._memory import free_bytes, gigabytes
from llama3_agent.engine._prefix import reusable
from llama3_agent.engine._saved import Stretch
from llama3_agent.engine._tree import Node, PrefixTree
from llama3_agent.engine.errors import NotEnoughMemory

_POLL_SECONDS = 0.05


@dataclass(slots=True)
class Session:
    """One conversation's cache: the ids whose keys and values `kv` holds, in order.

    Between requests ``kv.length == len(tokens)``, and the tree of prefixes was given all of it.

    Attributes:
        tenant: with whom it shares prefixes.
        prefix: the node of the tree that it began from, while a request is under way.
    """

    kv: KVBuffer
    tenant: str = ""
    tokens: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    prefix: Node | None = None

    def rewind_to(self, prompt: Sequence[int]) -> int:
        """Keep only what serves `prompt`; returns how many tokens that is."""
        kept = reusable(self.tokens, prompt)
        del self.tokens[kept:]
        self.settle()
        return kept

    def keep(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        if length < len(self.tokens):
            del self.tokens[length:]
            self.settle()

    def settle(self) -> None:
        """Drop what an aborted forward left in some layers."""
        self.kv.crop(len(self.tokens))


def _reader(kv: Tensor, offset: int) -> Callable[[int, int], Tensor]:
    """Reads keys and values that begin at a token other than the first."""
    return lambda start, end: kv[..., start - offset : end - offset, :].clone()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the caches hold.

    Attributes:
        live: bytes of the sessions' own buffers.
        shared: bytes of the prefixes that all sessions share.
        sessions: sessions with a buffer.
        evictions: prefixes dropped so far to stay within the budget.
    """

    live: int
    shared: int
    sessions: int
    evictions: int


class SessionStore:
    """Sessions by name, and the tree of all that they have computed.

    Where memory is short, buffers of idle sessions go first, for the tree still has what they hold; then the
    prefixes used longest ago.

    Args:
        new_buffer: makes an empty buffer.
        budget_bytes: memory that buffers and prefixes may occupy together. Sessions in use, and the one used
            last, stay even when they exceed it.
    """

    def __init__(self, new_buffer: Callable[[], KVBuffer], *, budget_bytes: int) -> None:
        self._new_buffer = new_buffer
        self._budget = budget_bytes
        self._sessions: OrderedDict[tuple[str, str], Session] = OrderedDict()
        self._tree = PrefixTree(new_buffer().read(0, 0))
        self._guard = threading.Lock()
        self._evictions = 0

    def acquire(self, name: str, cancel: threading.Event | None, *, tenant: str = "") -> Session | None:
        """The session, for this caller alone; None if `cancel` was set while another one held it."""
        with self._guard:
            key = (tenant, name)
            session = self._sessions.setdefault(key, Session(self._new_buffer(), tenant))
            self._sessions.move_to_end(key)
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

    def prepare(self, session: Session, prompt: Sequence[int]) -> int:
        """Have `session` hold as much of `prompt` as anybody has computed; returns how many tokens that is.

        Never all of it: the logits of the last token are needed.
        """
        kept = session.rewind_to(prompt)
        with self._guard:
            found = self._tree.match(session.tenant, array("q", prompt[: len(prompt) - 1]))
            session.prefix = found.node
            self._tree.lock(found.node)
        if found.length <= kept:
            return kept
        self.make_room(session, found.length)
        start = 0
        for kv, taken in found.pieces:
            skipped = max(0, kept - start)
            if skipped < taken:
                session.kv.write(kv[..., skipped:taken, :])
            start += taken
        session.tokens += prompt[kept : found.length]
        return found.length

    def give_back(self, session: Session) -> None:
        """End the use that `acquire` began; what was computed is everybody's from now on."""
        session.settle()
        with self._guard:
            if session.tokens:
                self._tree.insert(session.tenant, array("q", session.tokens), session.kv.read)
            if session.prefix is not None:
                self._tree.unlock(session.prefix)
                session.prefix = None
        session.lock.release()
        self._leave(session)

    def check_room(self, session: Session, tokens: int) -> None:
        """Refuse what memory would not hold, before anything is computed.

        Raises:
            NotEnoughMemory: `tokens` in this session would not fit, even with all else given up.
        """
        if tokens <= session.kv.capacity:
            return
        needed = session.kv.bytes_for(tokens)
        with self._guard:
            given_up = self._live() + self._tree.nbytes
        free = free_bytes(session.kv.device) + given_up
        if needed > free:
            raise NotEnoughMemory(
                f"the cache of {tokens} tokens, prompt and answer, takes {gigabytes(needed)}, but only "
                f"{gigabytes(free)} are free: lower max_tokens, shorten the prompt or free some memory"
            )

    def make_room(self, session: Session, tokens: int) -> None:
        """Let `session` hold `tokens`, at the expense of others if need be."""
        if tokens <= session.kv.capacity:
            return
        with self._guard:
            self._trim(session.kv.bytes_for(tokens) - session.kv.nbytes, keep=session)
        session.kv.reserve(tokens)

    def pin(self, session: Session) -> Node:
        """Keep what `session` holds in the tree until `unpin`, whatever the budget."""
        with self._guard:
            node = self._tree.insert(session.tenant, array("q", session.tokens), session.kv.read)
            self._tree.lock(node)
        return node

    def unpin(self, node: Node) -> None:
        """End what `pin` began."""
        with self._guard:
            self._tree.unlock(node)
            self._trim(0, keep=None)

    def release(self, name: str, *, tenant: str = "") -> None:
        """Forget a session; one in use loses its buffer when that use ends. Its prefixes stay for others."""
        with self._guard:
            self._sessions.pop((tenant, name), None)

    def export(self) -> list[Stretch]:
        """All prefixes, parents before their children."""
        with self._guard:
            places: dict[int, int] = {}
            stretches: list[Stretch] = []
            for tenant, node in self._tree.walk():
                parent = places.get(id(node.parent))
                places[id(node)] = len(stretches)
                stretches.append(Stretch(tenant, parent, torch.tensor(node.tokens), node.kv))
            return stretches

    def restore(self, stretches: Sequence[Stretch]) -> None:
        """Take over prefixes that `export` gave, as far as the budget allows."""
        whole: list[array[int]] = []
        for one in stretches:
            before = array("q") if one.parent is None else whole[one.parent]
            whole.append(before + array("q", one.tokens.tolist()))
            with self._guard:
                self._tree.insert(one.tenant, whole[-1], _reader(one.kv, len(before)))
        with self._guard:
            self._trim(0, keep=None)

    def holdings(self) -> Holdings:
        """What the caches hold now."""
        with self._guard:
            return Holdings(self._live(), self._tree.nbytes, len(self._sessions), self._evictions)

    def _leave(self, session: Session) -> None:
        with self._guard:
            session.users -= 1
            self._trim(0, keep=next(reversed(self._sessions.values()), None))

    def _live(self) -> int:
        return sum(session.kv.nbytes for session in self._sessions.values())

    def _trim(self, wanted: int, *, keep: Session | None) -> None:
        excess = self._live() + self._tree.nbytes + wanted - self._budget
        for key, session in list(self._sessions.items()):
            if excess <= 0:
                return
            if session.users or session is keep or not session.kv.nbytes:
                continue
            del self._sessions[key]
            excess -= session.kv.nbytes
        if excess > 0:
            self._evictions += self._tree.evict(excess)
