"""Decoding under a grammar, by llguidance."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from llama3_agent.engine.errors import GrammarError, GrammarUnavailable

if TYPE_CHECKING:
    from llama3_prompts import Grammar

_COMPILED = 64
"""Grammars kept compiled: one is a few hundred kilobytes, and a conversation uses one."""


class Guides:
    """Makes a guide for each request of one model.

    Args:
        tokenizer: The model's fast tokenizer.
        stop_ids: Ids that may end a message where the grammar allows its end.
        vocabulary: The number of ids that the model knows.
    """

    def __init__(self, tokenizer: Any, stop_ids: frozenset[int], vocabulary: int) -> None:
        self._tokenizer, self._stop_ids, self._vocabulary = tokenizer, sorted(stop_ids), vocabulary
        self._lock = threading.Lock()
        self._compiled = functools.lru_cache(_COMPILED)(self._compile)

    def guide(self, grammar: Grammar) -> Guide:
        """A guide at the beginning of a message.

        Raises:
            GrammarUnavailable: llguidance is not installed.
            GrammarError: The grammar is not well-formed.
        """
        with self._lock:
            matchers = [self._compiled(lark) for lark in grammar.lark]
        return Guide([matcher.deep_copy() for matcher in matchers], grammar.openings, self._tokenizer)

    @functools.cached_property
    def _vocabulary_tree(self) -> Any:
        try:
            import llguidance.hf
        except ImportError as error:
            raise GrammarUnavailable(
                "a grammar needs llguidance: pip install 'llama3-agent[grammar]'"
            ) from error
        return llguidance.hf.from_tokenizer(
            self._tokenizer, n_vocab=self._vocabulary, eos_token=self._stop_ids
        )

    def _compile(self, lark: str) -> Any:
        tree = self._vocabulary_tree
        from llguidance import LLMatcher

        matcher = LLMatcher(tree, LLMatcher.grammar_from_lark(lark), log_level=0)
        if matcher.is_error():
            raise GrammarError(f"the grammar is not well-formed: {matcher.get_error()}")
        return matcher


class Guide:
    """Follows one message, and says what may come next in it.

    Args:
        matchers: One for each form that the message may take, in order of preference.
        openings: How a message begins that is to be guided; every message is when there are none.
        tokenizer: Decodes ids.
    """

    def __init__(self, matchers: Sequence[Any], openings: Sequence[str], tokenizer: Any) -> None:
        self._matchers, self._openings, self._tokenizer = list(matchers), tuple(openings), tokenizer
        self._ids: list[int] = []
        self._matcher: Any = None
        self._off = False
        if not openings:
            self._engage()

    def allowed(self) -> Tensor | None:
        """Which ids may come next, as booleans ``[vocabulary]``; None when all may."""
        if self._matcher is None:
            return None
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        return torch.from_numpy(np.unpackbits(bits, bitorder="little").astype(bool))

    def accept(self, token: int) -> list[int]:
        """Take the token that was chosen; returns those that must follow it."""
        if self._off:
            return []
        self._ids.append(token)
        if self._matcher is None:
            self._look_for_opening()
        elif not self._matcher.consume_token(token):
            self._off, self._matcher = True, None
        return self._matcher.compute_ff_tokens() if self._matcher is not None else []

    def _look_for_opening(self) -> None:
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        begun = "".join(text.split())
        if any(begun.startswith(opening) for opening in self._openings):
            self._engage()
            self._off = self._matcher is None
        else:
            self._off = not any(opening.startswith(begun) for opening in self._openings)

    def _engage(self) -> None:
        """Begin to guide, by the first form that what stands there already fits."""
        for matcher in self._matchers:
            if matcher.try_consume_tokens(self._ids) == len(self._ids):
                self._matcher = matcher
                return
