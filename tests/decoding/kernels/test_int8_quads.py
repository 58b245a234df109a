"""Weights in fours: odd shapes and many threads; tests of int8_linear hold the bits."""

from __future__ import annotations

import pytest
import torch

from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_quads import MOST_ROWS_TOGETHER, QuadsWeight

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
    torch.manual_seed(rows)
    weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
    scale, bias = torch.rand(outputs), torch.randn(outputs)
    x = torch.randint(-127, 128, (rows, inputs)).float()
    x[:, 0] = 127  # so that a step is worth one
    result, before = torch.full((rows, outputs), float("nan")), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        QuadsWeight(weight, scale, bias).multiply(x, result)
    finally:
        torch.set_num_threads(before)
    exact = x.double().matmul(weight.double().t()).float() * scale + bias
    assert torch.equal(result, exact)
