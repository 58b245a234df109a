"""Attention of a few queries over many positions, compiled: the beams of a decoding step.

For float32 on the CPU, where a library's batched product is slow with so few rows. A window's
figures do not depend on the windows beside it nor on positions that nobody may see. Softmax is not
here: PyTorch's is as quick.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WIDTH = 64  # of a head of every Whisper; known when the loops are compiled
MOST_QUERIES = 16
POSITIONS_AT_ONCE = 4
# Sums may be made of parts, always the same ones. Infinities and NaN keep their meaning.
LIBERTIES = {"reassoc", "contract", "nsz", "arcp"}

Place = tuple[int, int, int]  # elements between windows, heads and positions


def takes(query: Tensor, positions: Tensor) -> bool:
    """Whether `scores` and `weighted_sum` take queries [w, h, q, 64] over positions [w, h, n, 64].

    Other devices, types and shapes are a library's work.
    """
    return (
        query.device.type == "cpu"
        and query.dtype == positions.dtype == torch.float32
        and query.shape[2] <= MOST_QUERIES
        and positions.shape[2] % POSITIONS_AT_ONCE == 0
        and positions.shape[3] == WIDTH
        and positions.stride(3) == 1
    )


def scores(query: Tensor, keys: Tensor) -> Tensor:
    """Products [w, h, q, n] of query [w, h, q, 64] and keys [w, h, n, 64]."""
    windows, heads, queries, _ = query.shape
    result = query.new_empty(windows, heads, queries, keys.shape[2])
    _scores(query.contiguous().numpy(), *_flat(keys), result.numpy())
    return result


def weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """Sums [w, h, q, 64] of values [w, h, n, 64] with weights [w, h, q, n]."""
    windows, heads, queries, _ = weights.shape
    result = weights.new_zeros(windows, heads, queries, WIDTH)
    _weighted_sum(weights.contiguous().numpy(), *_flat(values), result.numpy())
    return result


def _flat(positions: Tensor) -> tuple[NDArray[np.float32], Place]:
    """All memory between the first and the last number, and the way through it."""
    window, head, position, _ = positions.stride()
    windows, heads, count, _ = positions.shape
    last = window * (windows - 1) + head * (heads - 1) + position * (count - 1)
    flat: NDArray[np.float32] = positions.as_strided((last + WIDTH,), (1,)).numpy()
    return flat, (window, head, position)


@numba.njit(nogil=True, fastmath=LIBERTIES)  # type: ignore[untyped-decorator, unused-ignore] # numba ships no types
def _scores(query: Any, keys: Any, place: Any, result: Any) -> None:
    windows, heads, queries, positions = result.shape
    for window in range(windows):
        for head in range(heads):
            first = window * place[0] + head * place[1]
            for position in range(positions):
                at = first + position * place[2]
                key = keys[at : at + WIDTH]
                for one in range(queries):
                    total = np.float32(0)
                    for c in range(WIDTH):
                        total += query[window, head, one, c] * key[c]
                    result[window, head, one, position] = total


@numba.njit(nogil=True, fastmath=LIBERTIES)  # type: ignore[untyped-decorator, unused-ignore] # numba ships no types
def _weighted_sum(weights: Any, values: Any, place: Any, result: Any) -> None:
    windows, heads, queries, positions = weights.shape
    for window in range(windows):
        for head in range(heads):
            first = window * place[0] + head * place[1]
            for position in range(0, positions, POSITIONS_AT_ONCE):
                at = first + position * place[2]
                value0 = values[at : at + WIDTH]
                value1 = values[at + place[2] : at + place[2] + WIDTH]
                value2 = values[at + 2 * place[2] : at + 2 * place[2] + WIDTH]
                value3 = values[at + 3 * place[2] : at + 3 * place[2] + WIDTH]
                for one in range(queries):
                    total = result[window, head, one]
                    weight = weights[window, head, one]
                    weight0, weight1 = weight[position], weight[position + 1]
                    weight2, weight3 = weight[position + 2], weight[position + 3]
                    for c in range(WIDTH):
                        total[c] += (
                            weight0 * value0[c]
                            + weight1 * value1[c]
                            + weight2 * value2[c]
                            + weight3 * value3[c]
                        )
