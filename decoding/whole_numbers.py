"""Rows of real numbers as whole ones and back, compiled: what stands around a product of bytes.

Each way is one pass, where PyTorch needs nine calls, which cost more than a small product itself.
A row's figures do not depend on the rows beside it. Knows nothing of weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from decoding.compiled import compiled

LARGEST = 127  # symmetric: -128 is not used
SMALLEST_SCALE = 1e-12  # of a row of zeros

_STEP = np.float32(1.0 / LARGEST)
_FLOOR = np.float32(SMALLEST_SCALE)
_ROUND = np.float32(1.5 * 2**23)  # added and taken away again, it leaves a whole number
_MAGNITUDE = np.int32(0x7FFFFFFF)  # the bits of a number but for its sign


def to_whole(rows: Tensor) -> tuple[Tensor, Tensor]:
    """float32 rows [n, in] in steps of their scales, and the scales [n].

    The steps are whole numbers up to LARGEST, kept as float32, [n + 1, in]: the row put below has
    both ends of a byte's range.
    """
    steps = rows.new_empty(len(rows) + 1, rows.shape[1])
    scales = rows.new_empty(len(rows))
    given = rows.contiguous().numpy()
    _to_whole(given, given.view(np.int32), steps.numpy(), scales.numpy())
    return steps, scales


def to_real(products: Tensor, scales: Tensor, bias: Tensor, result: Tensor) -> None:
    """result [n, out] = products [n or more, out] x scales [n] + bias [out]."""
    _to_real(products.numpy(), scales.numpy(), bias.numpy(), result.numpy())


@compiled()
def _to_whole(rows: Any, bits: Any, steps: Any, scales: Any) -> None:
    count, width = rows.shape
    loudest = np.empty(1, np.int32)
    for row in range(count):
        # Numbers without their signs are in the order of their bits, which are compared eight at
        # a time; NaN is above all others and stays what it is.
        most = np.int32(0)
        for c in range(width):
            most = max(most, bits[row, c] & _MAGNITUDE)
        loudest[0] = most
        scale = max(loudest.view(np.float32)[0] * _STEP, _FLOOR)
        scales[row] = scale
        for c in range(width):
            steps[row, c] = (rows[row, c] / scale + _ROUND) - _ROUND
    steps[count] = 0
    steps[count, 0] = LARGEST
    steps[count, 1] = -LARGEST - 1


@compiled()
def _to_real(products: Any, scales: Any, bias: Any, result: Any) -> None:
    count, width = result.shape
    for row in range(count):
        scale = scales[row]
        for c in range(width):
            result[row, c] = products[row, c] * scale + bias[c]
