"""Constants that stand for operations on many numbers."""

from __future__ import annotations

import numpy as np

from decoding.kernels.float_bits import MAGNITUDE, ROUND


def test_what_is_added_and_taken_away_rounds_to_whole_numbers():
    numbers = np.random.default_rng(3).uniform(-200, 200, 4000).astype(np.float32)
    numbers = np.concatenate([numbers, np.arange(-9, 9, dtype=np.float32) / 2, [-(2.0**21) + 0.5]])
    numbers = numbers.astype(np.float32)
    assert np.array_equal((numbers + ROUND) - ROUND, np.rint(numbers))


def test_magnitudes_are_in_the_order_of_the_numbers():
    numbers = np.array([0.0, -1e-40, 1e-20, -1.0, 3.5, -np.inf, np.nan], np.float32)
    bits = numbers.view(np.int32) & MAGNITUDE
    assert np.array_equal(bits[:-1].view(np.float32), np.abs(numbers[:-1]))
    assert (np.diff(bits) > 0).all()
