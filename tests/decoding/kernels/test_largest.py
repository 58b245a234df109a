from __future__ import annotations

import math

import numpy as np
import pytest

from decoding.kernels.largest import largest_of

pytestmark = pytest.mark.instructions
INFINITY = math.inf


@pytest.mark.parametrize("count", [1, 2, 7, 16, 300, 1500])
def test_the_largest_of_both_signs(count: int) -> None:
    some = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    for numbers in (some, -np.abs(some), np.abs(some), some * 0):
        assert largest_of(numbers) == numbers.max()


@pytest.mark.parametrize(
    ("numbers", "largest"),
    [([-INFINITY, -3.0], -3.0), ([-INFINITY] * 2, -INFINITY), ([1.0, INFINITY], INFINITY)],
)
def test_infinities_have_their_place(numbers: list[float], largest: float) -> None:
    assert largest_of(np.array(numbers, np.float32)) == largest


def test_what_is_no_number_is_above_all() -> None:
    assert math.isnan(largest_of(np.array([INFINITY, math.nan, 0], np.float32)))
