"""Products of a few rows with a weight, compiled: a decoding step where nothing better is known.

For float32 on the CPU. A library's routine is chosen by the number of rows, and with it the order
of its sums; here every row is summed in the same order, whatever rows stand beside it and however
many threads there are. Whole windows are a library's work: their number of rows is always the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.beam_attention import FASTMATH
from decoding.kernels.openmp import share_of, shared_loop

MOST_ROWS = 16  # of one window: the beams of a step
ROWS_AT_ONCE = 4  # by two outputs: eight sums keep the core busy, and weights are read seldom


def supports(x: Tensor, weight: Tensor) -> bool:
    """Whether x [w, rows, in] times the weight [out, in] is work for here."""
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.shape[-2] <= MOST_ROWS
    )


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x [.., in] times the weight [out, in], contiguous, plus the bias [out] -> [.., out]."""
    rows = x.contiguous()
    result = x.new_empty(*x.shape[:-1], len(weight))
    added = x.new_zeros(len(weight)) if bias is None else bias
    sizes = (x.numel() // x.shape[-1], *weight.shape)
    _multiply(sizes, rows, weight, added, result, work=x.numel() * len(weight))
    return result


@shared_loop(fastmath=FASTMATH)
def _multiply(block: Any) -> None:
    sizes = carray(block[0], 3, np.int64)
    count, outputs, width = sizes[0], sizes[1], sizes[2]
    rows = carray(block[1], (count, width), np.float32)
    weight = carray(block[2], (outputs, width), np.float32)
    bias = carray(block[3], outputs, np.float32)
    result = carray(block[4], (count, outputs), np.float32)
    first, after = share_of((outputs + 1) // 2)
    for pair in range(first, after):
        out = 2 * pair
        then = min(out + 1, outputs - 1)
        w0, w1 = weight[out], weight[then]
        for start in range(0, count, ROWS_AT_ONCE):
            # where four rows are not left, the last stands for those that are missing
            next1, next2 = min(start + 1, count - 1), min(start + 2, count - 1)
            next3 = min(start + 3, count - 1)
            x0, x1, x2, x3 = rows[start], rows[next1], rows[next2], rows[next3]
            s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = np.float32(0)
            for c in range(width):
                s00 += x0[c] * w0[c]
                s01 += x0[c] * w1[c]
                s10 += x1[c] * w0[c]
                s11 += x1[c] * w1[c]
                s20 += x2[c] * w0[c]
                s21 += x2[c] * w1[c]
                s30 += x3[c] * w0[c]
                s31 += x3[c] * w1[c]
            result[next3, out], result[next3, then] = s30 + bias[out], s31 + bias[then]
            result[next2, out], result[next2, then] = s20 + bias[out], s21 + bias[then]
            result[next1, out], result[next1, then] = s10 + bias[out], s11 + bias[then]
            result[start, out], result[start, then] = s00 + bias[out], s01 + bias[then]
