"""Attention over sound of 8 bits: what the numbers stand for, and itself in any company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from decoding.kernels import eight_bit_attention
from decoding.kernels.eight_bits import EightBits, to_eight_bits

pytestmark = pytest.mark.instructions

WIDTH = 64
POSITIONS = 1500


def made_up(windows: int, queries: int, positions: int = POSITIONS) -> tuple[Tensor, ...]:
    torch.manual_seed(windows + queries)
    query = torch.randn(windows, queries, 3, WIDTH).transpose(1, 2)  # heads lie apart
    return query, *torch.randn(2, windows, 3, positions, WIDTH)


def attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return eight_bit_attention.attend(query, to_eight_bits(keys), to_eight_bits(values))


def by_the_library(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    keys, values = (to_eight_bits(one).whole(torch.float32) for one in (keys, values))
    return ((query @ keys.mT).softmax(-1) @ values).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("queries", [1, 4, 5, 6, 16])
def test_same_as_the_library_with_what_they_stand_for(windows: int, queries: int):
    given = made_up(windows, queries)
    assert torch.allclose(attend(*given), by_the_library(*given), atol=1e-5)


def test_neighbours_change_nothing():
    given = made_up(4, 5)
    everything = attend(*given)
    for at in range(4):
        alone = [one[at : at + 1] for one in given]
        assert torch.equal(attend(*alone), everything[at : at + 1])


def test_keys_may_lie_in_something_longer():
    """As a slot's do; scales too."""
    query, keys, values = made_up(3, 5)
    few = [to_eight_bits(one) for one in (keys, values)]
    whole = eight_bit_attention.attend(query, *few)
    apart = [
        EightBits(
            torch.stack([one.numbers, one.numbers], 1)[:, 1],
            torch.stack([one.scale, one.scale], 1)[:, 1],
        )
        for one in few
    ]
    assert not apart[0].numbers.is_contiguous()
    assert torch.equal(eight_bit_attention.attend(query, *apart), whole)


def test_missing_numbers_keep_their_meaning():
    query, keys, values = made_up(1, 2)
    keys[0, 1, 5] = float("nan")
    found = attend(query, keys, values)
    assert found[..., WIDTH : 2 * WIDTH].isnan().all()
    assert not found[..., :WIDTH].isnan().any()


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        (torch.zeros(1, 1, 17, WIDTH), torch.zeros(1, 1, 8, WIDTH)),  # too many queries
        (torch.zeros(1, 1, 2, 32), torch.zeros(1, 1, 8, 32)),  # another width
        (torch.zeros(1, 1, 2, WIDTH), torch.zeros(1, 1, 6, WIDTH)),  # no whole parts
        (torch.zeros(1, 1, WIDTH, 2).transpose(2, 3), torch.zeros(1, 1, 8, WIDTH)),
        (torch.zeros(1, 1, 2, WIDTH).half(), torch.zeros(1, 1, 8, WIDTH)),
        (torch.zeros(1, 1, 2, WIDTH, device="meta"), torch.zeros(1, 1, 8, WIDTH)),
    ],
)
def test_what_is_left_to_others(query: Tensor, positions: Tensor):
    assert not eight_bit_attention.supports(query, to_eight_bits(positions))
