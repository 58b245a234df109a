"""The encoder's attention in 8 bits: near the exact one, and the same in any company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_attention import WIDTH, attend

pytestmark = [
    pytest.mark.instructions,
    pytest.mark.skipif(
        not MULTIPLIES_QUADS,
        reason="this processor cannot add up fours of bytes in 512 bits (VNNI)",
    ),
]


def merged(windows: int, count: int, heads: int, loudness: float = 0.3) -> Tensor:
    torch.manual_seed(count)
    found = torch.randn(windows, count, 3, heads, WIDTH)
    found[:, :, 0] *= loudness
    return found


def exact(given: Tensor) -> Tensor:
    query, key, value = given.double().permute(2, 0, 3, 1, 4)
    return ((query @ key.mT).softmax(-1) @ value).transpose(1, 2).flatten(2)


def difference(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("count", [1, 4, 63, 64, 65, 130, 1500])
def test_near_the_exact_attention(count: int) -> None:
    given = merged(2, count, 3)
    assert difference(attend(given), exact(given)) < 0.045


def test_what_is_heard_everywhere_is_kept() -> None:
    """One loud position, and a thousand others that weigh a five-hundredth of it each: to the
    nearest step they would all be nothing."""
    given = torch.zeros(1, 1001, 3, 1, WIDTH)
    given[:, :, 0] = 1.0
    given[:, 500, 1] = 6.3 / WIDTH  # e to its power is some 545
    given[:, :, 2], given[:, 500, 2] = 1.0, -1.0
    assert difference(attend(given), exact(given)) < 0.02


def test_a_query_is_the_same_in_any_company() -> None:
    given = merged(3, 200, 2)
    together = attend(given)
    for window in range(3):
        assert torch.equal(attend(given[window : window + 1].contiguous())[0], together[window])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(threads: int) -> None:
    given, before = merged(1, 150, 2), torch.get_num_threads()
    alone = attend(given)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(attend(given), alone)
    finally:
        torch.set_num_threads(before)


def test_silence_is_silence() -> None:
    assert torch.equal(attend(torch.zeros(1, 70, 3, 2, WIDTH)), torch.zeros(1, 70, 2 * WIDTH))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_number_that_is_none_is_not_hidden(part: int) -> None:
    given = merged(1, 70, 2)
    given[0, 8, part, 1, 5] = float("nan")
    found = attend(given).view(1, 70, 2, WIDTH)
    assert found[0, 8, 1].isnan().any()
    assert not found[0, :, 0].isnan().any()  # the other head's
