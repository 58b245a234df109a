"""The encoder's attention in 8 bits: near the exact one, and the same in any company."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_attention import MOST_POSITIONS, WIDTH, attend

pytestmark = [
    pytest.mark.instructions,
    pytest.mark.skipif(
        not MULTIPLIES_QUADS,
        reason="this processor cannot add up fours of bytes in 512 bits (VNNI)",
    ),
]


def merged(windows: int, count: int, heads: int) -> Tensor:
    torch.manual_seed(count)
    found = torch.randn(windows, count, 3, heads, WIDTH)
    found[:, :, 0] *= 0.3
    return found


def exact(given: Tensor) -> Tensor:
    query, key, value = given.double().permute(2, 0, 3, 1, 4)
    return ((query @ key.mT).softmax(-1) @ value).transpose(1, 2).flatten(2)


def difference(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize(
    ("count", "most"),  # a sixth above what is measured
    [(1, 1e-6), (4, 0.0095), (63, 0.021), (64, 0.021), (65, 0.021), (130, 0.026), (1500, 0.045)],
)
def test_near_the_exact_attention(count: int, most: float) -> None:
    given = merged(2, count, 3)
    assert difference(attend(given), exact(given)) < most


def test_channels_may_be_of_any_loudness() -> None:
    """Loud ones would leave the others no step, if all of a head had one scale."""
    given = merged(1, 200, 2)
    loudness = torch.logspace(-2, 2, WIDTH)
    given[:, :, 0] /= loudness
    given[:, :, 1] *= loudness
    given[:, :, 2] *= loudness
    wanted = exact(given)
    for channel in (0, WIDTH // 2):
        found, same = (one[..., channel::WIDTH] for one in (attend(given), wanted))
        assert difference(found, same) < 0.04


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


def test_the_loudest_value_does_not_overflow() -> None:
    given = merged(1, 71, 1)
    given[0, 8, 2, 0, 5] = 3e38
    assert attend(given).isfinite().all()


@pytest.mark.parametrize("count", [71, 1499])  # odd: of an even number wrong sums may be zero
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_number_that_is_none_is_not_hidden(part: int, count: int) -> None:
    """A query's spoils its own row, a key's its head, a value's its channel."""
    given = merged(1, count, 2)
    given[0, 8, part, 1, 5] = float("nan")
    spoilt = torch.zeros(1, count, 2, WIDTH, dtype=torch.bool)
    spoilt[[(0, 8, 1), (0, slice(None), 1), (0, slice(None), 1, 5)][part]] = True
    assert torch.equal(attend(given).view(1, count, 2, WIDTH).isnan(), spoilt)


def test_other_tensors_are_refused() -> None:
    given = merged(1, 70, 2)
    others = (given.double(), given.bfloat16(), given[..., ::2], given[:, :, :2], given.mT)
    for other in others:
        with pytest.raises(ValueError, match="must be contiguous float32"):
            attend(other)
    with pytest.raises(ValueError, match="n at most 60000"):
        attend(given[:, :1].expand(1, MOST_POSITIONS + 1, 3, 2, WIDTH))
