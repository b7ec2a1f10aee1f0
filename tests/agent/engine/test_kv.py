"""The buffer behind a session."""

import pytest
import torch

from llama3_agent.engine._kv import KVBuffer


def buffer(limit: int = 1000) -> KVBuffer:
    return KVBuffer(
        layers=2, heads=3, head_dim=4, limit=limit, dtype=torch.float32, device=torch.device("cpu")
    )


def block(tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(1, 3, tokens, 4), torch.randn(1, 3, tokens, 4)


def append(kv: KVBuffer, tokens: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [kv.append(layer, *block(tokens)) for layer in range(2)]


@pytest.mark.parametrize("sizes", [(1,) * 200, (100, 1, 99), (64, 64), (3, 500)])
def test_it_holds_what_was_appended(sizes: tuple[int, ...]) -> None:
    kv = buffer()
    parts: list[torch.Tensor] = []
    for size in sizes:
        keys, values = block(size)
        parts.append(keys)
        for layer in range(2):
            held, _ = kv.append(layer, keys, values)
    assert torch.equal(held, torch.cat(parts, dim=2))
    assert kv.length == sum(sizes)


def test_appending_within_the_capacity_moves_nothing() -> None:
    kv = buffer()
    kv.reserve(100)
    places = {append(kv, 1)[0][0].data_ptr() for _ in range(100)}
    assert len(places) == 1


def test_capacity_doubles_up_to_the_limit() -> None:
    kv = buffer(limit=150)
    capacities = []
    for _ in range(150):
        append(kv, 1)
        capacities.append(kv.capacity)
    assert sorted(set(capacities)) == [64, 128, 192]
    assert kv.nbytes == 192 * 2 * 2 * 3 * 4 * 4 == kv.bytes_for(150)


def test_crop_keeps_the_front_and_the_memory() -> None:
    kv = buffer()
    held = append(kv, 50)[0][0].clone()
    size = kv.nbytes
    kv.crop(20)
    again, _ = kv.append(0, *block(1))
    assert torch.equal(again[:, :, :20], held[:, :, :20])
    assert again.shape[2] == 21
    assert kv.nbytes == size


def test_crop_makes_layers_agree_after_half_a_forward() -> None:
    kv = buffer()
    append(kv, 5)
    kv.append(0, *block(3))
    kv.crop(5)
    assert [kv.append(layer, *block(1))[0].shape[2] for layer in range(2)] == [6, 6]
