"""The exponential of compiled loops, against the one of the mathematics library."""

from __future__ import annotations

import math

import numpy as np

from decoding.kernels.exp import LEAST, exponential, rough_power


def test_near_the_library_down_to_the_least() -> None:
    for x in np.linspace(float(LEAST), 88.0, 3001, dtype=np.float32):
        assert math.isclose(exponential(x), math.exp(x), rel_tol=2e-7)


def test_exact_at_its_ends() -> None:
    assert exponential(np.float32(0.0)) == 1.0
    assert exponential(np.float32(-np.inf)) == 0.0
    assert exponential(np.float32(-87.1)) == 0.0
    assert math.isnan(exponential(np.float32(np.nan)))


def test_rough_powers_are_near_enough_for_8_bits() -> None:
    for x in np.linspace(-64.0, 127.0, 3001, dtype=np.float32):
        assert math.isclose(rough_power(x), 2.0 ** float(x), rel_tol=1e-4)
    assert rough_power(np.float32(-np.inf)) == rough_power(np.float32(-64.0))
