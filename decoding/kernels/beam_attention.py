"""Attention of a few queries over many positions, compiled: the beams of a decoding step.

For float32 on the CPU, where a library's batched product is slow with so few rows. Scores, softmax
and sum are made head by head and stay in the core's own cache. A window's figures do not depend on
the windows beside it, nor on positions that nobody may see (those are not looked at), nor on how
many threads there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.compiled import compiled
from decoding.kernels.exp import exponential
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.prefetch import AHEAD, LINE, prefetch
from decoding.kernels.wide_vectors import take_wide_vectors

WIDTH = 64  # of a head of every Whisper; known when the loops are compiled
MOST_QUERIES = 16
POSITIONS_AT_ONCE = 4
# Sums may be made of parts, always the same ones. Infinities and NaN keep their meaning.
FASTMATH = {"reassoc", "contract", "nsz", "arcp"}

MOST_NUMBERS = 16  # the most that a loop is given


def supports(query: Tensor, positions: Tensor) -> bool:
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


def supports_unmasked(query: Tensor, positions: Tensor) -> bool:
    """The same, [w, h, q, 64] over [w, h, n, 64], for `attend_unmasked`."""
    return supports(query, positions) and positions.shape[2] % POSITIONS_AT_ONCE == 0


def attend_unmasked(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(query keys) values, as [w, q, h x 64]; every position is seen.

    `query` [w, h, q, 64], `keys` and `values` [w, h, n, 64], as `supports_unmasked` takes them.
    """
    read = nothing_read(query)
    numbers = (*sizes_of(query, keys), *place_of(query), *place_of(keys), *place_of(values))
    _attend_unmasked(numbers, query, keys, values, read, work=query.numel() * keys.shape[2])
    return read.flatten(2)


def attend_masked(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """The same where `mask` [.., .., q, n], one for all heads, is not minus infinity.

    The mask is added to the scores. Every query must see something.
    """
    windows, _, queries, _ = query.shape
    read = nothing_read(query)
    seen = mask.expand(windows, 1, queries, keys.shape[2])
    places = (*place_of(query), *place_of(keys), *place_of(values), seen.stride(0), seen.stride(2))
    numbers = (*sizes_of(query, keys), *places)
    _attend_masked(numbers, query, keys, values, seen, read, work=query.numel() * keys.shape[2])
    return read.flatten(2)


def nothing_read(query: Tensor) -> Tensor:
    """Room for what `query` [w, h, q, 64] reads: [w, q, h, 64]."""
    windows, heads, queries, _ = query.shape
    return query.new_empty(windows, queries, heads, WIDTH)


def sizes_of(query: Tensor, keys: Tensor) -> tuple[int, ...]:
    """w, h, q and n of `query` [w, h, q, 64] and `keys` [w, h, n, 64]."""
    return *query.shape[:3], keys.shape[2]


def place_of(numbers: Tensor) -> tuple[int, ...]:
    """Elements between windows, heads and positions of [w, h, n, 64]."""
    return numbers.stride()[:3]


@compiled()
def reach(windows: int, heads: int, positions: int, place: Any) -> Any:
    """Elements between the first and the last number of such a tensor."""
    return (windows - 1) * place[0] + (heads - 1) * place[1] + (positions - 1) * place[2] + WIDTH


@compiled()
def _ask_ahead(rows: Any, at: int) -> None:
    """Of float32 rows of 64 that are read one after the other, ask for one that comes later: the
    next page's, where they lie side by side."""
    for c in range(0, WIDTH, LINE // 4):
        prefetch(rows, at + AHEAD // 4 + c)


@compiled()
def _given(block: Any) -> Any:
    """The numbers, and all memory of query, keys and values."""
    given = carray(block[0], MOST_NUMBERS, np.int64)
    windows, heads, queries, positions = given[0], given[1], given[2], given[3]
    query = carray(block[1], reach(windows, heads, queries, given[4:7]), np.float32)
    keys = carray(block[2], reach(windows, heads, positions, given[7:10]), np.float32)
    values = carray(block[3], reach(windows, heads, positions, given[10:13]), np.float32)
    return given, (query, keys, values)


@shared_loop(fastmath=FASTMATH)
def _attend_unmasked(block: Any) -> None:  # noqa: C901, PLR0915 - plain loops
    take_wide_vectors()
    given, (query, keys, values) = _given(block)
    windows, heads, queries, positions = given[0], given[1], given[2], given[3]
    query_place, place, values_place = given[4:7], given[7:10], given[10:13]
    read = carray(block[4], (windows, queries, heads, WIDTH), np.float32)
    weights = np.empty((queries, positions), np.float32)
    most = np.empty(queries, np.float32)
    first, after = share_of(windows * heads)
    for item in range(first, after):
        window = item // heads
        head = item - window * heads
        # 1. scores, and the largest of each query
        asked = window * query_place[0] + head * query_place[1]
        start = window * place[0] + head * place[1]
        most[:] = -np.inf
        for position in range(0, positions, 2):  # two sums at a time keep the core busier than one
            at = start + position * place[2]
            _ask_ahead(keys, at)
            _ask_ahead(keys, at + place[2])
            key0 = keys[at : at + WIDTH]
            key1 = keys[at + place[2] : at + place[2] + WIDTH]
            for one in range(queries):
                begin = asked + one * query_place[2]
                row = query[begin : begin + WIDTH]
                total0 = total1 = np.float32(0)
                for c in range(WIDTH):
                    total0 += row[c] * key0[c]
                    total1 += row[c] * key1[c]
                weights[one, position], weights[one, position + 1] = total0, total1
                most[one] = max(most[one], max(total0, total1))
        # 2. what the values weigh, and the sum
        start = window * values_place[0] + head * values_place[1]
        for one in range(queries):
            weight, largest = weights[one], most[one]
            total = np.float32(0)
            for position in range(positions):
                exact = exponential(weight[position] - largest)
                weight[position] = exact
                total += exact
            most[one] = total
            read[window, one, head] = 0
        for position in range(0, positions, POSITIONS_AT_ONCE):
            at, step = start + position * values_place[2], values_place[2]
            for row in range(POSITIONS_AT_ONCE):
                _ask_ahead(values, at + row * step)
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


@shared_loop(fastmath=FASTMATH)
def _attend_masked(block: Any) -> None:
    take_wide_vectors()
    given, (query, keys, values) = _given(block)
    windows, heads, queries, positions = given[0], given[1], given[2], given[3]
    query_place, place, values_place = given[4:7], given[7:10], given[10:13]
    mask_place = given[13:15]
    masked = (windows - 1) * mask_place[0] + (queries - 1) * mask_place[1] + positions
    mask = carray(block[4], masked, np.float32)
    read = carray(block[5], (windows, queries, heads, WIDTH), np.float32)
    seen = np.empty(positions, np.int64)
    weights = np.empty(positions, np.float32)
    first, after = share_of(windows * queries)
    for item in range(first, after):
        window = item // queries
        one = item - window * queries
        # 1. the positions that this query sees, in order
        look = window * mask_place[0] + one * mask_place[1]
        count = 0
        for position in range(positions):
            seen[count] = position
            if mask[look + position] > -np.inf:
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
                total = mask[look + seen[number]]
                for c in range(WIDTH):
                    total += row[c] * key[c]
                weights[number] = total
                most = max(most, total)
            # 3. what the values weigh, and their sum
            start = window * values_place[0] + head * values_place[1]
            sums = read[window, one, head]
            sums[:] = 0
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
