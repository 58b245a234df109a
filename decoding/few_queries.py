"""Attention of a few queries over many positions, compiled: the beams of a decoding step.

For float32 on the CPU, where a library's batched product is slow with so few rows. Scores, softmax
and sum are made head by head and stay in the core's own cache. A window's figures do not depend on
the windows beside it, nor on positions that nobody may see: those are not looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decoding.compiled import compiled
from decoding.exponential import exponential

WIDTH = 64  # of a head of every Whisper; known when the loops are compiled
MOST_QUERIES = 16
POSITIONS_AT_ONCE = 4
# Sums may be made of parts, always the same ones. Infinities and NaN keep their meaning.
LIBERTIES = {"reassoc", "contract", "nsz", "arcp"}

Place = tuple[int, int, int]  # elements between windows, heads and positions
Flat = tuple[NDArray[np.float32], Place]


def takes(query: Tensor, positions: Tensor) -> bool:
    """Whether queries [w, h, q, 64] over positions [w, h, n, 64] are work for here.

    Other devices, types and shapes are a library's work.
    """
    return (
        query.device.type == "cpu"
        and query.dtype == positions.dtype == torch.float32
        and query.shape[2] <= MOST_QUERIES
        and positions.shape[3] == WIDTH
        and query.stride(3) == positions.stride(3) == 1
    )


def takes_all(query: Tensor, positions: Tensor) -> bool:
    """The same for `attend_all`."""
    return takes(query, positions) and positions.shape[2] % POSITIONS_AT_ONCE == 0


def attend_all(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(query keys) values, as [w, q, heads x 64]; every position is seen."""
    read = _nothing_read(query)
    _attend_all(_flat(query), _flat(keys), _flat(values), keys.shape[2], read.numpy())
    return read.flatten(2)


def attend_seen(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """The same where `mask` [.., .., q, n], one for all heads, is not minus infinity.

    The mask is added to the scores. Every query must see something.
    """
    windows, _, queries, _ = query.shape
    read = _nothing_read(query)
    seen = mask.expand(windows, 1, queries, keys.shape[2])
    places = _flat(query), _flat(keys), _flat(values), _flat(seen)
    _attend_seen(*places, keys.shape[2], read.numpy())
    return read.flatten(2)


def _nothing_read(query: Tensor) -> Tensor:
    windows, heads, queries, _ = query.shape
    return query.new_zeros(windows, queries, heads, WIDTH)


def _flat(numbers: Tensor) -> Flat:
    """All memory between the first and the last number, and the way through it."""
    window, head, position, _ = numbers.stride()
    windows, heads, count, width = numbers.shape
    last = window * (windows - 1) + head * (heads - 1) + position * (count - 1)
    flat: NDArray[np.float32] = numbers.as_strided((last + width,), (1,)).numpy()
    return flat, (window, head, position)


@compiled(fastmath=LIBERTIES)
def _attend_all(asking: Any, keyed: Any, valued: Any, positions: int, read: Any) -> None:  # noqa: C901 - plain loops
    (query, query_place), (keys, place), (values, values_place) = asking, keyed, valued
    windows, queries, heads, _ = read.shape
    weights = np.empty((queries, positions), np.float32)
    most = np.empty(queries, np.float32)
    for window in range(windows):
        for head in range(heads):
            # 1. scores, and the largest of each query
            asked = window * query_place[0] + head * query_place[1]
            first = window * place[0] + head * place[1]
            most[:] = -np.inf
            for position in range(positions):
                at = first + position * place[2]
                key = keys[at : at + WIDTH]
                for one in range(queries):
                    begin = asked + one * query_place[2]
                    row = query[begin : begin + WIDTH]
                    total = np.float32(0)
                    for c in range(WIDTH):
                        total += row[c] * key[c]
                    weights[one, position] = total
                    if total > most[one]:
                        most[one] = total
            # 2. what the values weigh, and the sum
            first = window * values_place[0] + head * values_place[1]
            for one in range(queries):
                weight, largest = weights[one], most[one]
                total = np.float32(0)
                for position in range(positions):
                    exact = exponential(weight[position] - largest)
                    weight[position] = exact
                    total += exact
                most[one] = total
            for position in range(0, positions, POSITIONS_AT_ONCE):
                at = first + position * values_place[2]
                step = values_place[2]
                value0 = values[at : at + WIDTH]
                value1 = values[at + step : at + step + WIDTH]
                value2 = values[at + 2 * step : at + 2 * step + WIDTH]
                value3 = values[at + 3 * step : at + 3 * step + WIDTH]
                for one in range(queries):
                    sums, weight = read[window, one, head], weights[one]
                    weight0, weight1 = weight[position], weight[position + 1]
                    weight2, weight3 = weight[position + 2], weight[position + 3]
                    for c in range(WIDTH):
                        sums[c] += (
                            weight0 * value0[c]
                            + weight1 * value1[c]
                            + weight2 * value2[c]
                            + weight3 * value3[c]
                        )
            for one in range(queries):
                sums, total = read[window, one, head], most[one]
                for c in range(WIDTH):
                    sums[c] /= total


@compiled(fastmath=LIBERTIES)
def _attend_seen(  # noqa: C901 - plain loops
    asking: Any, keyed: Any, valued: Any, masked: Any, positions: int, read: Any
) -> None:
    (query, query_place), (keys, place), (values, values_place) = asking, keyed, valued
    mask, mask_place = masked
    windows, queries, heads, _ = read.shape
    seen = np.empty(positions, np.int64)
    weights = np.empty(positions, np.float32)
    for window in range(windows):
        for one in range(queries):
            # 1. the positions that this query sees, in order
            first = window * mask_place[0] + one * mask_place[2]
            count = 0
            for position in range(positions):
                seen[count] = position
                if mask[first + position] > -np.inf:
                    count += 1
            for head in range(heads):
                # 2. scores
                begin = window * query_place[0] + head * query_place[1] + one * query_place[2]
                row = query[begin : begin + WIDTH]
                start = window * place[0] + head * place[1]
                most = np.float32(-np.inf)
                for number in range(count):
                    at = start + seen[number] * place[2]
                    key = keys[at : at + WIDTH]
                    total = mask[first + seen[number]]
                    for c in range(WIDTH):
                        total += row[c] * key[c]
                    weights[number] = total
                    if total > most:
                        most = total
                # 3. what the values weigh, and their sum
                start = window * values_place[0] + head * values_place[1]
                sums = read[window, one, head]
                whole = np.float32(0)
                for number in range(count):
                    weight = exponential(weights[number] - most)
                    whole += weight
                    at = start + seen[number] * values_place[2]
                    value = values[at : at + WIDTH]
                    for c in range(WIDTH):
                        sums[c] += weight * value[c]
                for c in range(WIDTH):
                    sums[c] /= whole
