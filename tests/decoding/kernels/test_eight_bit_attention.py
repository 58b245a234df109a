"""Attention over sound of 8 bits: what the numbers stand for, and itself in any company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from decoding.kernels import eight_bit_attention
from decoding.kernels.eight_bits import EightBits, Pairs, to_eight_bits

pytestmark = pytest.mark.instructions

WIDTH = 64
POSITIONS = 1500


def made_up(windows: int, queries: int, positions: int = POSITIONS) -> tuple[Tensor, ...]:
    torch.manual_seed(windows + queries)
    query = torch.randn(windows, queries, 3, WIDTH).transpose(1, 2)  # heads lie apart
    return query, *torch.randn(2, windows, 3, positions, WIDTH)


def kept(keys: Tensor, values: Tensor) -> list[EightBits]:
    pairs = eight_bit_attention.pairs_of(keys.device, *keys.shape[2:])
    return [to_eight_bits(one, how) for one, how in zip((keys, values), pairs, strict=True)]


def attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return eight_bit_attention.attend(query, *kept(keys, values))


def by_the_library(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    query, keys, values = query.double(), *(one.whole(torch.float64) for one in kept(keys, values))
    return ((query @ keys.mT).softmax(-1) @ values).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("queries", [1, 4, 5, 6, 16])
def test_same_as_the_library_with_what_they_stand_for(windows: int, queries: int):
    """But for what 16 bits round of a query and of weights."""
    given = made_up(windows, queries)
    assert torch.allclose(attend(*given).double(), by_the_library(*given), atol=2e-3)


def test_16_bits_round_less_than_8_by_far():
    query, keys, values = made_up(2, 5)
    exact = (query.double() @ keys.double().mT).softmax(-1) @ values.double()
    of_eight_bits = by_the_library(query, keys, values)
    rounded = (of_eight_bits - exact.transpose(1, 2).flatten(2)).norm()
    assert (attend(query, keys, values) - of_eight_bits).norm() < rounded / 50


@pytest.mark.parametrize("loudness", [0.0, 1e-4, 0.05])
def test_equal_weights_do_not_overflow(loudness: float):
    """Nothing is asked for: every position weighs the same, and all values are the largest."""
    query, keys, values = made_up(1, 5)
    query, values = query * loudness, values.abs() * 0 + 1
    assert torch.allclose(attend(query, keys, values), torch.ones(1, 5, 3 * WIDTH), atol=1e-3)


def test_one_position_may_have_all_the_weight():
    query, keys, values = made_up(1, 5)
    assert torch.allclose(
        attend(query * 100, keys, values).double(),
        by_the_library(query * 100, keys, values),
        atol=2e-2,
    )


def test_neighbours_change_nothing():
    given = made_up(4, 5)
    everything = attend(*given)
    for at in range(4):
        alone = [one[at : at + 1] for one in given]
        assert torch.equal(attend(*alone), everything[at : at + 1])


def test_keys_may_lie_in_something_longer():
    """As a slot's do; scales too."""
    query, keys, values = made_up(3, 5)
    few = kept(keys, values)
    whole = eight_bit_attention.attend(query, *few)
    apart = [
        EightBits(
            torch.stack([one.numbers, one.numbers], 1)[:, 1],
            torch.stack([one.scale, one.scale], 1)[:, 1],
            one.pairs,
        )
        for one in few
    ]
    assert not apart[0].numbers.is_contiguous()
    assert torch.equal(eight_bit_attention.attend(query, *apart), whole)


@pytest.mark.parametrize("height", [8.0, 10.0, 11.0, 12.0])
def test_many_small_weights_are_not_lost(height: float):
    """One position stands out, and of all others each has less than a half of the least weight."""
    query, keys, values = torch.zeros(1, 1, 5, WIDTH), *torch.zeros(2, 1, 1, POSITIONS, WIDTH)
    query[..., 0], keys[0, 0, 700, 0] = height, 1.0
    values[:] = 1.0
    values[0, 0, 700] = -1.0
    found, exact = attend(query, keys, values), by_the_library(query, keys, values)
    assert (found - exact).abs().max() < 0.005


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["query", "keys", "values"])
def test_what_is_no_number_spoils_its_own_head_alone(which: str, number: float):
    query, keys, values = made_up(2, 2)
    clean = attend(query, keys, values)
    {"query": query, "keys": keys, "values": values}[which][0, 1, 1, 5] = number
    found = attend(query, keys, values)
    assert found[0, 1, WIDTH : 2 * WIDTH].isnan().any()
    assert torch.equal(found[1], clean[1])
    assert torch.equal(found[..., :WIDTH], clean[..., :WIDTH])
    assert torch.equal(found[..., 2 * WIDTH :], clean[..., 2 * WIDTH :])


def test_threads_change_nothing():
    given, before = made_up(3, 5), torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(attend(*given))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        (torch.zeros(1, 1, 17, WIDTH), torch.zeros(1, 1, 60, WIDTH)),  # too many queries
        (torch.zeros(1, 1, 2, 32), torch.zeros(1, 1, 60, 32)),  # another width
        (torch.zeros(1, 1, 2, WIDTH), torch.zeros(1, 1, 62, WIDTH)),  # no whole parts
        (torch.zeros(1, 1, WIDTH, 2).transpose(2, 3), torch.zeros(1, 1, 60, WIDTH)),
        (torch.zeros(1, 1, 2, WIDTH).half(), torch.zeros(1, 1, 60, WIDTH)),
        (torch.zeros(1, 1, 2, WIDTH, device="meta"), torch.zeros(1, 1, 60, WIDTH)),
    ],
)
def test_what_is_left_to_others(query: Tensor, positions: Tensor):
    assert not eight_bit_attention.supports(query, *kept(positions, positions))


def test_what_lies_otherwise_is_left_to_others():
    query, positions = torch.zeros(1, 1, 2, WIDTH), torch.zeros(1, 1, 60, WIDTH)
    assert eight_bit_attention.supports(query, *kept(positions, positions))
    plain, (keys, values) = to_eight_bits(positions), kept(positions, positions)
    assert not eight_bit_attention.supports(query, plain, values)
    assert not eight_bit_attention.supports(query, keys, plain)


def test_pairs_are_for_the_cpu_alone():
    card = eight_bit_attention.pairs_of(torch.device("cuda"), POSITIONS, WIDTH)
    assert card == (Pairs.NONE, Pairs.NONE)
