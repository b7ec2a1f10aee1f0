"""Events from a worker thread, so that the thread that waits for them can be interrupted at any moment."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from opentelemetry import context

from .events import Event


class EventStream(Iterator[Event]):
    """The events of one run, the last one a `Final`.

    An exception in the run comes out of ``next``. Ctrl-C while waiting stops the run, waits until it has put
    its affairs in order, and then goes on as ``KeyboardInterrupt``. Left early, the stream must be closed,
    which stops the run too: use it in a ``with`` statement, or let it be collected.

    Args:
        source: Yields the events; called in the worker thread.
        stop: Tells the run to end.
    """

    def __init__(self, source: Callable[[], Iterator[Event]], stop: Callable[[], None]) -> None:
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._stop = stop
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama3-agent")
        # Spans of the run belong into the trace of whoever asked. The rest of his context stays out: a graph
        # that finds itself in another one's would take itself for a part of it.
        self._work = pool.submit(_pump, source, self._events, context.get_current())
        pool.shutdown(wait=False)

    def __next__(self) -> Event:
        try:
            event = self._events.get()
        except KeyboardInterrupt:
            self.close()
            raise
        if event is not None:
            return event
        self._events.put(None)
        self._work.result()
        raise StopIteration

    def close(self) -> None:
        """Stop the run and wait until it has ended. Closing an ended stream does nothing."""
        if not self._work.done():
            self._stop()
            self._work.exception()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._work.done():
            self._stop()


def _pump(
    source: Callable[[], Iterator[Event]], events: queue.SimpleQueue[Event | None], trace: context.Context
) -> None:
    try:
        context.attach(trace)
        for event in source():
            events.put(event)
    finally:
        events.put(None)
