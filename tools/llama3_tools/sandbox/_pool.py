"""`SandboxPool`: sandboxes started ahead of need, each given out once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ._errors import SandboxClosed, SandboxError
from ._local import LocalSandbox
from ._types import Sandbox

_PAUSE_SECONDS = 5.0


class SandboxPool:
    """Keeps sandboxes ready, so that an agent that needs one does not wait for its start.

    Each sandbox is given out once and belongs to the taker, who closes it: a used one never goes to anybody
    else. `Agent(sandbox=pool.take)` gives each thread of conversation one of its own.

    Parameters
    ----------
    make
        Makes a sandbox; for example `functools.partial(LocalSandbox, memory_mb=512)`.
    ready
        How many to keep ready. Each takes the memory of an idle Python while it waits.
    """

    def __init__(self, make: Callable[[], Sandbox] = LocalSandbox, *, ready: int = 2) -> None:
        if ready <= 0:
            raise ValueError(f"ready must be positive, not {ready!r}")
        self._make, self._wanted = make, ready
        self._ready: deque[Sandbox] = deque()
        self._state = threading.Condition()
        self._closed = False
        self._filler = threading.Thread(target=self._fill, name="sandbox-pool", daemon=True)
        self._filler.start()

    def take(self) -> Sandbox:
        """A sandbox that nobody has used: one that is ready, else one started now.

        Raises
        ------
        SandboxClosed
            After `close`.
        SandboxUnavailable
            If none can be made.
        """
        with self._state:
            if self._closed:
                raise SandboxClosed("this pool is closed; make a new one")
            taken = self._ready.popleft() if self._ready else None
            self._state.notify_all()
        return self._make() if taken is None else taken

    @property
    def ready(self) -> int:
        """How many can be taken without waiting."""
        with self._state:
            return len(self._ready)

    def close(self) -> None:
        """End the sandboxes that nobody took; those that were taken go on. May be called twice."""
        with self._state:
            self._closed = True
            self._state.notify_all()
        self._filler.join()
        while self._ready:
            self._ready.popleft().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fill(self) -> None:
        while self._lacks_one():
            try:
                made = self._make()
            except SandboxError:  # whoever takes one meets the same error, and reads it
                self._wait(_PAUSE_SECONDS)
                continue
            with self._state:
                self._ready.append(made)

    def _lacks_one(self) -> bool:
        """Wait until one is lacking; False when the pool is closed."""
        with self._state:
            self._state.wait_for(lambda: self._closed or len(self._ready) < self._wanted)
            return not self._closed

    def _wait(self, seconds: float) -> None:
        with self._state:
            self._state.wait_for(lambda: self._closed, seconds)
