"""Which of many tools a conversation is offered: those that its questions call for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Sequence

from ._tools import Tool, name_of
from ._toolsearch import ToolSearch
from .errors import ConfigurationError

MANY_TOOLS = 20
"""Beyond this many there is a warning. Llama 3.2 3B was measured to lose all its accuracy beyond 32 tools
(llama-stack-demos, "Evaluating Tool Calling Limitations and Performance of Small LLMs"), and models lose some
of it long before (LongFuncEval, arXiv 2505.10570); so this stays well below.
"""

Selector = Callable[[str, Sequence[Tool]], Iterable[Tool]]
"""Takes a question and all tools, and returns those that it calls for."""


class Selection:
    """Chooses tools for a thread.

    What the model has been told of stays, since the system message is the beginning of every prompt: tools
    are chosen by the first question, and later ones only add to them.

    Args:
        tools: All custom tools, in an order that decides where the question does not.
        select: How many the first question chooses; later ones see to it that the best quarter of that number
            is there. A function decides on its own, question by question. None offers them all.

    Raises:
        ConfigurationError: ``select`` is neither, or there is no full-text search here.
    """

    def __init__(self, tools: Sequence[Tool], select: int | Selector | None) -> None:
        if not (select is None or callable(select) or (type(select) is int and select > 0)):
            raise ConfigurationError(f"select must be a number above 0 or a function, not {select!r}")
        self._tools = {name_of(tool): tool for tool in tools}
        self._select = None if isinstance(select, int) and select >= len(self._tools) else select
        self._search = ToolSearch(tools) if isinstance(self._select, int) else None
        self._warn(len(tools) if self._select is None else self._select)

    @property
    def least(self) -> list[Tool]:
        """As many tools as every thread is offered, as far as that is known beforehand."""
        return [] if callable(self._select) else list(self._tools.values())[: self._select]

    def first(self, question: str) -> list[Tool]:
        """The tools that a thread begins with, in the order in which all are given.

        So threads that are offered the same tools begin with the same ids, whatever was asked.
        """
        if self._select is None:
            return list(self._tools.values())
        if callable(self._select):
            chosen = self._asked(question)
        else:
            ranked = dict.fromkeys([*self._ranked(question), *self._tools])
            chosen = list(ranked)[: self._select]
        return [tool for name, tool in self._tools.items() if name in chosen]

    def more(self, question: str, offered: Collection[str]) -> list[Tool]:
        """The tools that a later question adds to those on offer, the best first."""
        if self._select is None:
            return []
        if callable(self._select):
            chosen = self._asked(question)
        else:
            chosen = self._ranked(question)[: max(1, self._select // 4)]
        return [self._tools[name] for name in chosen if name not in offered]

    def known(self, names: Iterable[str]) -> list[Tool]:
        """The tools of a conversation that goes on: those it has been told of, or all."""
        if self._select is None:
            return list(self._tools.values())
        return [self._tools[name] for name in names if name in self._tools]

    def _warn(self, offered: int | Selector) -> None:
        if isinstance(offered, int) and offered > MANY_TOOLS:
            warnings.warn(
                f"{offered} tools are more than small Llamas choose well from; with select=12, or another "
                f"number up to {MANY_TOOLS}, each thread is offered those that its questions call for",
                stacklevel=4,
            )

    def _ranked(self, question: str) -> list[str]:
        assert self._search is not None
        return self._search.ranked(question)

    def _asked(self, question: str) -> list[str]:
        assert callable(self._select)
        names = [name_of(tool) for tool in self._select(question, list(self._tools.values()))]
        if strange := [name for name in names if name not in self._tools]:
            raise ConfigurationError(f"select= chose {strange[0]!r}, which is none of the agent's tools")
        return list(dict.fromkeys(names))
