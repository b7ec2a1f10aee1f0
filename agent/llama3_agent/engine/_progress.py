"""Bars on stderr: while a model loads, fed by the libraries' own counters, and while it reads a prompt."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from transformers.utils import logging as transformers_logging

_PATIENCE_SECONDS = 1.0


class Bar:
    """A bar that appears only once it has been waited for, unless asked for at once.

    Args:
        title: what is being done.
        show: True shows it at once and leaves it there, False never, None shows it after a second when stderr
            is a terminal and takes it away at the end.
        patience: seconds to wait before it appears, if not those.
    """

    def __init__(self, title: str, *, show: bool | None, patience: float | None = None) -> None:
        self._title = title
        self._transient = show is None
        self._wanted = sys.stderr.isatty() if show is None else show
        if patience is None:
            patience = _PATIENCE_SECONDS if show is None else 0.0
        self._due = time.monotonic() + patience
        self._shown: Progress | None = None

    def advance(self, done: float, total: float | None) -> None:
        """Say how far it is."""
        if not self._wanted or time.monotonic() < self._due:
            return
        if self._shown is None:
            self._shown = _progress(transient=self._transient)
            self._shown.add_task(self._title, total=None)
            self._shown.start()
        self._shown.update(self._shown.task_ids[0], completed=done, total=total)

    def close(self) -> None:
        """Take the bar away."""
        if self._shown is not None:
            self._shown.stop()
            self._shown = None


def _progress(*, transient: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=Console(file=sys.stderr),
        transient=transient,
    )


class _Counter:
    """Stands in for a tqdm bar: counts what passes through and tells the loading bar."""

    def __init__(self, bar: Bar, items: Any = None, *, total: float | None = None, **_: Any) -> None:
        self._bar = bar
        self._items = items
        self.total = total if total is not None or items is None else len(items)
        self.n = 0.0

    def __iter__(self) -> Iterator[Any]:
        for item in self._items:
            yield item
            self.update()

    def __enter__(self) -> "_Counter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, step: float = 1) -> None:
        self.n += step
        self._bar.advance(self.n, self.total)

    def close(self) -> None:
        """Nothing to close: the loading bar outlives its counters."""

    def set_postfix(self, *_args: Any, **_kwargs: Any) -> None:
        """The bar shows no names of tensors."""


@contextmanager
def loading_bar(title: str, *, show: bool | None) -> Iterator[Bar]:
    """A bar for the duration of a load; transformers' own bars feed it instead of appearing themselves."""
    bar = Bar(f"Loading {title}", show=show)

    def count(_factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _Counter(bar, *args, **kwargs)

    previous = transformers_logging.set_tqdm_hook(count)
    try:
        yield bar
    finally:
        transformers_logging.set_tqdm_hook(previous)
        bar.close()


@contextmanager
def reading_bar(*, show: bool | None) -> Iterator[Callable[[int, int], None]]:
    """A bar for the duration of a prefill, told how many of how many tokens are computed.

    It appears only once a second has passed, for most prompts take less.
    """
    bar = Bar("Reading the prompt", show=show, patience=_PATIENCE_SECONDS)

    def advance(done: int, total: int) -> None:
        bar.advance(done, total)
        if done == total:
            bar.close()

    try:
        yield advance
    finally:
        bar.close()
