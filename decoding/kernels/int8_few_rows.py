"""Products of a few rows with weights of 8 bits, compiled: the linear layers of a decoding step.

A library's product of some thousand numbers takes less time than the calls around it, and what it
must find in memory anew after each. Here rows are made whole numbers, multiplied, and made real
again by one call. Weights lie as they are read: `OUTPUTS_TOGETHER` outputs, two inputs after the
other, so that products are added up in pairs. Sums are exact: a row's bits are those of any other
product of the same whole numbers (decoding/kernels/int8_linear.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.nn.functional as F
from numba import carray
from torch import Tensor

from decoding.kernels.int8_rows import quantise_row
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.pair_products import ROWS_AT_ONCE, SUMS_AT_ONCE, add_to_sums
from decoding.kernels.wide_vectors import take_wide_vectors

OUTPUTS_TOGETHER = 32
MOST_ROWS = 10
MOST_WEIGHTS = 1_500_000  # of larger ones the calls are a small part, and they are kept twice


def supports(weight: Tensor) -> bool:
    """Whether a weight [out, in] is worth being kept in this way beside another."""
    return weight.shape[1] % 2 == 0 and weight.numel() <= MOST_WEIGHTS


class FewRowsWeight:
    """A weight [out, in] of whole numbers in 8 bits, as it is read for a few rows.

    What it stands for is itself times `scale` [out].
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        outputs, inputs = weight.shape
        padded = F.pad(weight, (0, 0, 0, -outputs % OUTPUTS_TOGETHER))
        parts = padded.view(-1, OUTPUTS_TOGETHER, inputs // 2, 2)
        self._weight = parts.transpose(1, 2).contiguous()  # [parts, in / 2, 32, 2]
        self._scale = scale.contiguous()
        self._inputs, self._outputs = inputs, outputs

    def multiply(self, rows: Tensor, bias: Tensor, result: Tensor) -> None:
        """result [.., out] = float32 rows [.., in], in steps of their scales, by the weight, and
        the bias [out] added."""
        count = rows.numel() // self._inputs
        given = (rows.contiguous(), self._weight, self._scale, bias, result)
        work = self._weight.numel() * count
        _multiply((count, self._inputs, self._outputs), *given, work=work)


@shared_loop()
def _multiply(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 3, np.int64)
    count, inputs, outputs = sizes[0], sizes[1], sizes[2]
    rows = carray(block[1], (count, inputs), np.float32)
    bits = carray(block[1], (count, inputs), np.int32)
    parts = -(-outputs // OUTPUTS_TOGETHER)
    weight = carray(block[2], (parts, inputs * OUTPUTS_TOGETHER), np.int8)
    scale = carray(block[3], outputs, np.float32)
    bias = carray(block[4], outputs, np.float32)
    result = carray(block[5], (count, outputs), np.float32)
    padded = -(-count // ROWS_AT_ONCE) * ROWS_AT_ONCE  # with rows of zeros
    steps, scales = np.zeros((padded, inputs), np.int16), np.empty(count, np.float32)
    sums = np.empty((padded, OUTPUTS_TOGETHER), np.int32)
    for row in range(count):
        scales[row] = quantise_row(rows[row], bits[row], steps[row])
    first, after = share_of(parts)
    for part in range(first, after):
        numbers, begin = weight[part], part * OUTPUTS_TOGETHER
        sums[:] = 0
        for row in range(0, padded, ROWS_AT_ONCE):
            some, found = steps[row : row + ROWS_AT_ONCE], sums[row : row + ROWS_AT_ONCE]
            for out in range(0, OUTPUTS_TOGETHER, 2 * SUMS_AT_ONCE):
                step = 2 * OUTPUTS_TOGETHER
                add_to_sums(found, out, numbers[2 * out :], step, some, inputs // 2)
        there = min(OUTPUTS_TOGETHER, outputs - begin)
        for row in range(count):
            for out in range(there):
                exact = np.float32(sums[row, out]) * scale[begin + out]
                result[row, begin + out] = exact * scales[row] + bias[begin + out]
