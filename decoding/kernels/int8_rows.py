"""Rows of real numbers as whole ones and back, compiled: what stands around a product of bytes.

Each way is one pass, where PyTorch needs nine calls, which cost more than a small product itself.
A row's figures do not depend on the rows beside it. Knows nothing of weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.compiled import compiled
from decoding.kernels.float_bits import MAGNITUDE, ROUND
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors

LARGEST = 127  # symmetric: -128 is not used
SMALLEST_SCALE = 1e-12  # of a row of zeros

_STEP = np.float32(1.0 / LARGEST)
_FLOOR = np.float32(SMALLEST_SCALE)


def quantise_rows(rows: Tensor) -> tuple[Tensor, Tensor]:
    """float32 rows [.., in], n of them, in steps of their scales, and the scales [n].

    The steps are whole numbers up to LARGEST, kept as float32, [n + 1, in]: the row put below has
    both ends of a byte's range.
    """
    work, width = rows.numel(), rows.shape[-1]
    count = work // width
    steps, scales = rows.new_empty(count + 1, width), rows.new_empty(count)
    _quantise_rows((count, width), rows.contiguous(), steps, scales, work=work)
    return steps, scales


def quantise_rows_to_bytes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The same whole numbers as int8 [n, in], with no row below, and the scales [n]. Of a row that
    holds NaN they are any; its scale is NaN."""
    work, width = rows.numel(), rows.shape[-1]
    count = work // width
    steps, scales = rows.new_empty(count, width, dtype=torch.int8), rows.new_empty(count)
    _quantise_rows_to_bytes((count, width), rows.contiguous(), steps, scales, work=work)
    return steps, scales


def dequantise_rows(products: Tensor, scales: Tensor, bias: Tensor, result: Tensor) -> None:
    """result [.., out], n rows, = products [n or more, out] x scales [n] + bias [out]."""
    work, width = result.numel(), result.shape[-1]
    _dequantise_rows((work // width, width), products, scales, bias, result, work=work)


@compiled()
def _scale_of(bits: Any) -> Any:
    """Of a row's bits: numbers without their signs are in the order of their bits, which are
    compared many at a time; NaN is above all others and stays what it is."""
    most = np.int32(0)
    for c in range(len(bits)):
        most = max(most, np.int32(bits[c] & MAGNITUDE))
    return max(np.int32(most).view(np.float32) * _STEP, _FLOOR)


@compiled()
def quantise_row(row: Any, bits: Any, steps: Any) -> Any:
    """A row [in], whose bits are given too, in `steps` [in] of its scale, which is returned."""
    scale = _scale_of(bits)
    for c in range(len(row)):
        steps[c] = (row[c] / scale + ROUND) - ROUND
    return scale


@shared_loop()
def _quantise_rows(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 2, np.int64)
    count, width = sizes[0], sizes[1]
    rows = carray(block[1], (count, width), np.float32)
    bits = carray(block[1], (count, width), np.int32)
    steps = carray(block[2], (count + 1, width), np.float32)
    scales = carray(block[3], count, np.float32)
    first, after = share_of(count)
    for row in range(first, after):
        scales[row] = quantise_row(rows[row], bits[row], steps[row])
    if after == count:
        steps[count] = 0
        steps[count, 0] = LARGEST
        steps[count, 1] = -LARGEST - 1


@shared_loop()
def _quantise_rows_to_bytes(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 2, np.int64)
    count, width = sizes[0], sizes[1]
    rows = carray(block[1], (count, width), np.float32)
    bits = carray(block[1], (count, width), np.int32)
    steps = carray(block[2], (count, width), np.int8)
    scales = carray(block[3], count, np.float32)
    first, after = share_of(count)
    for row in range(first, after):
        scales[row] = quantise_row(rows[row], bits[row], steps[row])


@shared_loop()
def _dequantise_rows(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 2, np.int64)
    count, width = sizes[0], sizes[1]
    products = carray(block[1], (count, width), np.float32)
    scales = carray(block[2], count, np.float32)
    bias = carray(block[3], width, np.float32)
    result = carray(block[4], (count, width), np.float32)
    first, after = share_of(count)
    for row in range(first, after):
        scale = scales[row]
        for c in range(width):
            result[row, c] = products[row, c] * scale + bias[c]
