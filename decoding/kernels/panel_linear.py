"""Linear layers in single precision for the CPU, compiled: the decoder's, which reads few rows.

A step reads all weights once for the beams of a few windows, and takes about as long as memory
does. Weights lie as they are read, in panels of `FLOAT_SUMS` outputs, and are asked for ahead. A
library's routine is chosen by the number of rows, and with it the order of its sums; here each sum
is made in the order of the inputs, whatever rows stand beside it and however many threads there
are. Five rows take two thirds to nine tenths of oneDNN's time, 40 as long, 200 up to a third
longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numba import carray
from torch import Tensor

from decoding.kernels.dot_products import FLOAT_SUMS, ROWS, multiply_floats
from decoding.kernels.openmp import share_of_product, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors


class PanelLinear:
    """x [.., in] -> [.., out], float32 on the CPU. Raises ValueError for another x."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._outputs, self._inputs = weight.shape
        missing = -self._outputs % FLOAT_SUMS
        parts = F.pad(weight, (0, 0, 0, missing)).view(-1, FLOAT_SUMS, self._inputs)
        self._panels = parts.transpose(1, 2).contiguous()  # [parts, in, `FLOAT_SUMS`]
        self._bias = F.pad(weight.new_zeros(self._outputs) if bias is None else bias, (0, missing))

    def __call__(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self._inputs or x.dtype != torch.float32:  # a loop would read beyond it
            raise ValueError(f"float32 [.., {self._inputs}], not {x.dtype} {list(x.shape)}")
        result = x.new_empty(*x.shape[:-1], self._outputs)
        _multiply.multiply(x, self._panels, self._bias, result=result)
        return result


@shared_loop()
def _multiply(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 3, np.int64)
    count, inputs, outputs = sizes[0], sizes[1], sizes[2]
    parts = -(-outputs // FLOAT_SUMS)
    rows = carray(block[1], (count, inputs), np.float32)
    panels = carray(block[2], (parts, inputs * FLOAT_SUMS), np.float32)
    bias = carray(block[3], (parts, FLOAT_SUMS), np.float32)
    result = carray(block[4], (count, outputs), np.float32)
    begin, end, first, after = share_of_product(count, parts)
    whole = (end - begin) // ROWS * ROWS
    left_over = end - begin - whole
    last = np.zeros((ROWS, inputs), np.float32)  # what is left over, and rows of zeros
    last[:left_over] = rows[begin + whole : end]
    tile = np.empty((ROWS, FLOAT_SUMS), np.float32)
    for part in range(first, after):
        place, to = part * FLOAT_SUMS, min((part + 1) * FLOAT_SUMS, outputs)
        panel, added = panels[part], bias[part]
        for row in range(begin, begin + whole, ROWS):
            multiply_floats(tile, rows[row : row + ROWS], panel, added, inputs)
            result[row : row + ROWS, place:to] = tile[:, : to - place]
        if left_over:
            multiply_floats(tile, last, panel, added, inputs)
            result[begin + whole : end, place:to] = tile[:left_over, : to - place]
