"""Products with weights of 8 bits, compiled, for AVX-512 with VNNI, which adds up fours of bytes.

Rows are made whole numbers, multiplied, and made real again by one call. Weights lie as they are
read: `QUAD_SUMS` outputs, four inputs after the other. oneDNN held to AVX-512 with VNNI took longer
for any number of rows that was tried; with AMX, which multiplies tiles, it wins for many: from a
hundred rows on if the weight is small. Sums are exact: a row's bits are those of
any other product of the same whole numbers (decoding/kernels/int8_weights.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numba import carray
from torch import Tensor

from decoding.kernels.compiled import compiled
from decoding.kernels.dot_products import OFFSET, QUAD, QUAD_SUMS, ROWS, multiply_quads
from decoding.kernels.int8_rows import quantise_row
from decoding.kernels.openmp import share_of_product, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors


class QuadsWeight:
    """A weight [out, in] of whole numbers in 8 bits; times `scale` [out] it is what it stands for.
    Only where `dot_products.MULTIPLIES_QUADS`."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        outputs, inputs = weight.shape
        missing = -outputs % QUAD_SUMS
        padded = F.pad(weight, (0, -inputs % QUAD, 0, missing))
        unsigned = (padded.to(torch.int16) + OFFSET).to(torch.uint8)
        parts = unsigned.view(-1, QUAD_SUMS, padded.shape[1] // QUAD, QUAD)
        self._weight = parts.transpose(1, 2).contiguous()  # [parts, in / 4, 64, 4]
        self._scale, self._bias = F.pad(scale, (0, missing)), F.pad(bias, (0, missing))

    def multiply(self, rows: Tensor, result: Tensor) -> None:
        """result [.., out] = float32 rows [.., in], in steps of their scales, by the weight, and
        the bias added."""
        _multiply.multiply(rows, self._weight, self._scale, self._bias, result=result)


@compiled()
def _quantise(row: Any, bits: Any, steps: Any) -> tuple[Any, Any]:
    """A row's scale, and what its sums begin with: the weights' offset, taken away."""
    scale, total = quantise_row(row, bits, steps), np.int32(0)
    for c in range(len(row)):
        total = np.int32(total + steps[c])
    return scale, -OFFSET * total


@shared_loop()
def _multiply(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 3, np.int64)
    count, inputs, outputs = sizes[0], sizes[1], sizes[2]
    quads, parts = -(-inputs // QUAD), -(-outputs // QUAD_SUMS)
    rows = carray(block[1], (count, inputs), np.float32)
    bits = carray(block[1], (count, inputs), np.int32)
    weight = carray(block[2], (parts, quads * QUAD_SUMS * QUAD), np.uint8)
    scale = carray(block[3], (parts, QUAD_SUMS), np.float32)
    bias = carray(block[4], (parts, QUAD_SUMS), np.float32)
    result = carray(block[5], (count, outputs), np.float32)
    begin, end, first, after = share_of_product(count, parts)
    own = end - begin
    padded = -(-own // ROWS) * ROWS  # with rows of zeros
    steps = np.zeros((padded, quads * QUAD), np.int8)
    scales, starts = np.zeros(padded, np.float32), np.zeros(padded, np.int32)
    tile = np.empty((ROWS, QUAD_SUMS), np.float32)
    for row in range(own):
        scales[row], starts[row] = _quantise(rows[begin + row], bits[begin + row], steps[row])
    for part in range(first, after):
        place, to = part * QUAD_SUMS, min((part + 1) * QUAD_SUMS, outputs)
        theirs = weight[part], scale[part], bias[part]
        for row in range(0, padded, ROWS):
            then = row + ROWS
            some = steps[row:then], starts[row:then], scales[row:then]
            multiply_quads(tile, *some, *theirs, quads)
            for one in range(min(ROWS, own - row)):
                result[begin + row + one, place:to] = tile[one, : to - place]
