"""Products of a few rows with weights of 8 bits, compiled: the linear layers of a decoding step.

For processors without AVX-512 and VNNI (decoding/kernels/int8_quads.py is for these). A library's
product of some thousand numbers takes less time than the calls around it, and what it must find in
memory anew after each. Here rows are made whole numbers, multiplied, and made real again by one
call. Weights lie as they are read: `OUTPUTS_TOGETHER` outputs, two inputs after the other, so that
products are added up in pairs. Sums are exact: a row's bits are those of any other product of the
same whole numbers (decoding/kernels/int8_weights.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.nn.functional as F
from numba import carray
from torch import Tensor

from decoding.kernels.dot_products import PAIRED_SUMS, ROWS, add_pairs
from decoding.kernels.int8_rows import quantise_row
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors

OUTPUTS_TOGETHER = 32
assert OUTPUTS_TOGETHER % PAIRED_SUMS == 0


class PairsWeight:
    """A weight [out, in] of whole numbers in 8 bits, `in` even; times `scale` [out] it is what it
    stands for."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        outputs, inputs = weight.shape
        padded = F.pad(weight, (0, 0, 0, -outputs % OUTPUTS_TOGETHER))
        parts = padded.view(-1, OUTPUTS_TOGETHER, inputs // 2, 2)
        self._weight = parts.transpose(1, 2).contiguous()  # [parts, in / 2, 32, 2]
        self._scale, self._bias = scale.contiguous(), bias.contiguous()

    def multiply(self, rows: Tensor, result: Tensor) -> None:
        """result [.., out] = float32 rows [.., in], in steps of their scales, by the weight, and
        the bias added."""
        _multiply.multiply(rows, self._weight, self._scale, self._bias, result=result)


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
    padded = -(-count // ROWS) * ROWS  # with rows of zeros
    steps, scales = np.zeros((padded, inputs), np.int16), np.empty(count, np.float32)
    sums = np.empty((padded, OUTPUTS_TOGETHER), np.int32)
    for row in range(count):
        scales[row] = quantise_row(rows[row], bits[row], steps[row])
    first, after = share_of(parts)
    for part in range(first, after):
        numbers, begin = weight[part], part * OUTPUTS_TOGETHER
        sums[:] = 0
        for row in range(0, padded, ROWS):
            some, found = steps[row : row + ROWS], sums[row : row + ROWS]
            for out in range(0, OUTPUTS_TOGETHER, PAIRED_SUMS):
                stride = 2 * OUTPUTS_TOGETHER
                add_pairs(found, out, numbers[2 * out :], stride, some, inputs // 2)
        there = min(OUTPUTS_TOGETHER, outputs - begin)
        for row in range(count):
            for out in range(there):
                exact = np.float32(sums[row, out]) * scale[begin + out]
                result[row, begin + out] = exact * scales[row] + bias[begin + out]
