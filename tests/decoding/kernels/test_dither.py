"""Offsets that round some up and some down."""

from __future__ import annotations

import numpy as np
import pytest

from decoding.kernels.dither import spread


@pytest.mark.parametrize("small", [0.02, 0.3, 0.5, 0.9])
def test_of_many_small_numbers_as_much_is_left_as_there_was(small: float) -> None:
    offsets = np.empty(1000, np.float32)
    spread(offsets)
    assert offsets.min() >= -0.5
    assert offsets.max() <= 0.5
    for begin in range(0, 1000, 100):  # everywhere, not only on the whole
        rounded = np.round(small + offsets[begin : begin + 100])
        assert abs(rounded.mean() - small) < 0.02
