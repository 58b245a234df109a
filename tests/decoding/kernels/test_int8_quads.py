"""Weights in fours: exact, for any shape, company and number of threads."""

from __future__ import annotations

import pytest

from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_weights import Routine
from decoding.kernels.openmp import MOST_ROWS_TOGETHER
from tests.decoding.kernels import own_weights

pytestmark = [
    pytest.mark.instructions,
    pytest.mark.skipif(
        not MULTIPLIES_QUADS,
        reason="this processor cannot add up fours of bytes in 512 bits (VNNI)",
    ),
]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 4, 5, 9, MOST_ROWS_TOGETHER, MOST_ROWS_TOGETHER + 1, 250])
@pytest.mark.parametrize(("outputs", "inputs"), [(64, 64), (65, 3), (33, 386), (192, 84)])
def test_any_shape_is_multiplied(outputs: int, inputs: int, rows: int, threads: int) -> None:
    own_weights.check_shapes(Routine.QUADS, rows, outputs, inputs, threads)


def test_rows_are_the_same_in_any_company() -> None:
    own_weights.check_company(Routine.QUADS, 130)


def test_rows_may_lie_apart() -> None:
    own_weights.check_strides(Routine.QUADS)
