"""Prefixes that sessions share: a radix tree over token ids whose nodes own keys and values.

Whatever a session computed is kept here once, whoever computed it. Two sequences share the nodes up to where
they part, to the token.

Source: RadixAttention, Zheng et al. 2024, https://arxiv.org/abs/2312.07104.
"""

from __future__ import annotations

import heapq
import itertools
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor

from llama3_agent.engine._prefix import common_prefix

Tokens: TypeAlias = "array[int]"


@dataclass(slots=True, eq=False)
class Node:
    """A stretch of tokens that follows its parent's.

    Attributes:
        tokens: the ids.
        kv: their keys and values, `[layers, 2, heads, tokens, head_dim]`; never changed once made.
        parent: what comes before; None for the beginning of a tree.
        locks: users of this node and of the nodes behind it. A locked node stays.
        used: when it was last looked up; larger is later.
    """

    tokens: Tokens
    kv: Tensor
    parent: Node | None
    locks: int = 0
    used: int = 0
    children: dict[int, Node] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory of its keys and values."""
        return self.kv.numel() * self.kv.element_size()


@dataclass(frozen=True, slots=True)
class Match:
    """How much of a sequence is there.

    Attributes:
        node: the last node that holds some of it; the beginning of the tree if nothing is there.
        length: the number of tokens.
        pieces: keys and values of those tokens, in order, each with the number of tokens to take of it.
    """

    node: Node
    length: int
    pieces: tuple[tuple[Tensor, int], ...]


class PrefixTree:
    """Keys and values by prefix, those used longest ago first out.

    Not thread-safe: whoever owns it guards it. What it hands out is never written to again.

    Args:
        empty: keys and values of no tokens, `[layers, 2, heads, 0, head_dim]`.
    """

    def __init__(self, empty: Tensor) -> None:
        self._empty = empty
        self._roots: dict[str, Node] = {}
        self._clock = itertools.count(1)
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """Memory of all keys and values in it."""
        return self._nbytes

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Every node that holds tokens and its tenant, parents before their children."""
        for tenant, root in self._roots.items():
            waiting = list(root.children.values())
            while waiting:
                node = waiting.pop()
                waiting += node.children.values()
                yield tenant, node

    def __iter__(self) -> Iterator[Node]:
        """Every node that holds tokens, parents before their children."""
        return (node for _, node in self.walk())

    def match(self, tenant: str, tokens: Tokens) -> Match:
        """The longest prefix of `tokens` that is there."""
        node, length = self._root(tenant), 0
        pieces = []
        now = next(self._clock)
        while length < len(tokens) and (child := node.children.get(tokens[length])):
            shared = common_prefix(child.tokens, tokens[length : length + len(child.tokens)])
            node, child.used = child, now
            pieces.append((child.kv, shared))
            length += shared
            if shared < len(child.tokens):
                break
        return Match(node, length, tuple(pieces))

    def insert(self, tenant: str, tokens: Tokens, read: Callable[[int, int], Tensor]) -> Node:
        """Make all of `tokens` be there.

        Args:
            tenant: whose they are.
            tokens: the sequence from its beginning.
            read: gives the keys and values of ``tokens[start:end]``, a copy. Called for what is new only.

        Returns:
            The node that ends where `tokens` end.
        """
        found = self.match(tenant, tokens)
        node, taken = found.node, found.pieces[-1][1] if found.pieces else 0
        if taken < len(node.tokens):
            node = self._split(node, taken)
        if found.length == len(tokens):
            return node
        leaf = Node(tokens[found.length :], read(found.length, len(tokens)), node, used=next(self._clock))
        node.children[leaf.tokens[0]] = leaf
        self._nbytes += leaf.nbytes
        return leaf

    def lock(self, node: Node) -> None:
        """Keep a node, and all before it, until `unlock`."""
        for one in _path(node):
            one.locks += 1

    def unlock(self, node: Node) -> None:
        """End what `lock` began."""
        for one in _path(node):
            one.locks -= 1

    def evict(self, wanted: int) -> int:
        """Drop ends of sequences that nobody uses until `wanted` bytes are free, or nothing is left to drop.

        Those used longest ago go first, of several the longest.

        Returns:
            The number of nodes dropped.
        """
        order = itertools.count()
        leaves = [
            (node.used, -len(node.tokens), next(order), node)
            for node in self
            if not node.locks and not node.children
        ]
        heapq.heapify(leaves)
        dropped = 0
        while wanted > 0 and leaves:
            *_, node = heapq.heappop(leaves)
            wanted -= self._drop(node)
            dropped += 1
            parent = node.parent
            if parent is not None and parent.parent is not None and not parent.locks and not parent.children:
                heapq.heappush(leaves, (parent.used, -len(parent.tokens), next(order), parent))
        return dropped

    def _root(self, tenant: str) -> Node:
        return self._roots.setdefault(tenant, Node(array("q"), self._empty, None))

    def _split(self, node: Node, at: int) -> Node:
        """Cut a node in two; returns the front, whose users are those of the whole."""
        parent = node.parent
        assert parent is not None
        # Copies, because views would keep the memory of the whole alive.
        front = Node(node.tokens[:at], node.kv[..., :at, :].clone(), parent, node.locks, node.used)
        parent.children[front.tokens[0]] = front
        node.tokens, node.kv, node.parent = node.tokens[at:], node.kv[..., at:, :].clone(), front
        front.children[node.tokens[0]] = node
        return front

    def _drop(self, node: Node) -> int:
        assert node.parent is not None
        del node.parent.children[node.tokens[0]]
        self._nbytes -= node.nbytes
        return node.nbytes


def _path(node: Node) -> Iterator[Node]:
    one: Node | None = node
    while one is not None:
        yield one
        one = one.parent
