"""The tree of prefixes, beside a plain list of all the sequences that it was given."""

from __future__ import annotations

from array import array

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from llama3_agent.engine._tree import Node, PrefixTree

EMPTY = torch.empty(2, 2, 1, 0, 1)
SEQUENCES = st.lists(st.integers(0, 2), min_size=1, max_size=12)


def kv_of(tokens: list[int]) -> Tensor:
    """Keys and values that tell the whole prefix of each token, as real ones do."""
    marks = [float(hash(tuple(tokens[: i + 1])) % 10_007) for i in range(len(tokens))]
    return torch.tensor(marks).view(1, 1, 1, -1, 1).expand(2, 2, 1, -1, 1).contiguous()


def insert(tree: PrefixTree, tokens: list[int], tenant: str = "") -> Node:
    return tree.insert(tenant, array("q", tokens), lambda a, b: kv_of(tokens)[..., a:b, :].clone())


def longest(tree: PrefixTree, tokens: list[int], tenant: str = "") -> tuple[int, Tensor]:
    found = tree.match(tenant, array("q", tokens))
    kv = torch.cat([EMPTY, *(piece[..., :taken, :] for piece, taken in found.pieces)], dim=3)
    return found.length, kv


def common(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["x", "y"]), SEQUENCES), max_size=14), SEQUENCES)
def test_it_finds_the_longest_prefix_that_anybody_of_the_tenant_brought(
    brought: list[tuple[str, list[int]]], asked: list[int]
) -> None:
    tree = PrefixTree(EMPTY)
    for tenant, tokens in brought:
        insert(tree, tokens, tenant)
    length, kv = longest(tree, asked, "x")
    assert length == max((common(tokens, asked) for tenant, tokens in brought if tenant == "x"), default=0)
    assert torch.equal(kv, kv_of(asked)[..., :length, :])


@settings(max_examples=150, deadline=None)
@given(st.lists(SEQUENCES, max_size=14))
def test_no_prefix_is_stored_twice_and_no_memory_goes_uncounted(brought: list[list[int]]) -> None:
    tree = PrefixTree(EMPTY)
    for tokens in brought:
        insert(tree, tokens)
    prefixes = {tuple(tokens[: i + 1]) for tokens in brought for i in range(len(tokens))}
    assert sum(len(node.tokens) for node in tree) == len(prefixes)
    assert tree.nbytes == sum(node.nbytes for node in tree) == len(prefixes) * 2 * 2 * 4
    # A view would keep the memory of a longer stretch alive.
    assert all(node.kv.untyped_storage().nbytes() == node.nbytes for node in tree)


@settings(max_examples=150, deadline=None)
@given(st.lists(SEQUENCES, min_size=1, max_size=10), st.integers(0, 9), st.integers(1, 2000))
def test_what_is_locked_is_never_dropped(brought: list[list[int]], which: int, wanted: int) -> None:
    tree = PrefixTree(EMPTY)
    kept = brought[which % len(brought)]
    node = insert(tree, kept)
    tree.lock(node)
    for tokens in brought:
        insert(tree, tokens)
    before = tree.nbytes
    tree.evict(wanted)
    assert longest(tree, kept)[0] == len(kept)
    floor = len(kept) * 16
    assert tree.nbytes == floor or before - tree.nbytes >= wanted
    tree.unlock(node)
    assert all(one.locks == 0 for one in tree)
    tree.evict(10**9)
    assert tree.nbytes == 0
    assert longest(tree, kept)[0] == 0


def test_ends_of_sequences_go_first_and_those_used_longest_ago_before_the_others() -> None:
    tree = PrefixTree(EMPTY)
    for tokens in ([1, 2, 3], [1, 2, 4], [1, 2, 5]):
        insert(tree, tokens)
    longest(tree, [1, 2, 3])
    assert tree.evict(1) == 1
    assert [longest(tree, [1, 2, n])[0] for n in (3, 4, 5)] == [3, 2, 3]
    assert tree.evict(10**9) == 3


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_lock_holds_when_its_node_is_split(cut: int) -> None:
    tree = PrefixTree(EMPTY)
    whole = [0, 1, 2, 0, 1, 2]
    node = insert(tree, whole)
    tree.lock(node)
    insert(tree, [*whole[:cut], 9])
    tree.evict(10**9)
    assert longest(tree, whole)[0] == 6
    assert longest(tree, [*whole[:cut], 9])[0] == cut
