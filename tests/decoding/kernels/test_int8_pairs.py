"""Weights in pairs: exact, for any shape, company and number of threads."""

from __future__ import annotations

import pytest

from decoding.kernels.int8_weights import Routine
from tests.decoding.kernels import own_weights

pytestmark = pytest.mark.instructions


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 4, 5, 9, 10])
@pytest.mark.parametrize(("outputs", "inputs"), [(64, 64), (96, 70), (33, 386), (1152, 384)])
def test_any_shape_is_multiplied(outputs: int, inputs: int, rows: int, threads: int) -> None:
    own_weights.check_shapes(Routine.PAIRS, rows, outputs, inputs, threads)


def test_rows_are_the_same_in_any_company() -> None:
    own_weights.check_company(Routine.PAIRS, 12)


def test_rows_may_lie_apart() -> None:
    own_weights.check_strides(Routine.PAIRS)
