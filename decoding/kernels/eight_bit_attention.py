"""Attention of a few queries over sound of 8 bits, compiled: the beams of a decoding step.

For float32 queries on the CPU. Most of what a step of several windows reads are the sound's keys
and values; here it is a quarter. As in decoding/kernels/beam_attention.py a window's figures depend
neither on the windows beside it nor on how many threads there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.beam_attention import (
    FASTMATH,
    MOST_NUMBERS,
    MOST_QUERIES,
    POSITIONS_AT_ONCE,
    WIDTH,
    nothing_read,
    place_of,
    reach,
    sizes_of,
)
from decoding.kernels.eight_bits import EightBits
from decoding.kernels.exp import exponential
from decoding.kernels.largest import largest_of
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors

QUERIES_AT_ONCE = 5  # the usual beams


def supports(query: Tensor, keys: EightBits) -> bool:
    """Whether queries [w, h, q, 64] over keys [w, h, n, 64] are work for here."""
    return (
        query.device.type == "cpu"
        and query.dtype == torch.float32
        and query.shape[2] <= MOST_QUERIES
        and keys.numbers.shape[3] == WIDTH
        and keys.numbers.shape[2] % POSITIONS_AT_ONCE == 0
        and query.stride(3) == keys.numbers.stride(3) == 1
    )


def attend(query: Tensor, keys: EightBits, values: EightBits) -> Tensor:
    """softmax(query keys) values, as [w, q, h x 64], of what `supports` takes; all is seen."""
    read, given = nothing_read(query), (query, keys.numbers, values.numbers)
    places = (*place_of(query), *place_of(keys.numbers), *place_of(values.numbers))
    numbers = (*sizes_of(query, keys.numbers), *places)
    scales = (keys.scale.contiguous(), values.scale.contiguous())
    _attend(numbers, *given, *scales, read, work=query.numel() * keys.numbers.shape[2])
    return read.flatten(2)


@shared_loop(fastmath=FASTMATH)
def _attend(block: Any) -> None:  # noqa: C901, PLR0915 - plain loops
    take_wide_vectors()
    given = carray(block[0], MOST_NUMBERS, np.int64)
    windows, heads, queries, positions = given[0], given[1], given[2], given[3]
    query_place, place, values_place = given[4:7], given[7:10], given[10:13]
    query = carray(block[1], reach(windows, heads, queries, query_place), np.float32)
    keys = carray(block[2], reach(windows, heads, positions, place), np.int8)
    values = carray(block[3], reach(windows, heads, positions, values_place), np.int8)
    key_scales = carray(block[4], (windows, heads, WIDTH), np.float32)
    value_scales = carray(block[5], (windows, heads, WIDTH), np.float32)
    read = carray(block[6], (windows, queries, heads, WIDTH), np.float32)
    rows = -(-queries // QUERIES_AT_ONCE) * QUERIES_AT_ONCE  # the last ones may be of nobody
    asked = np.zeros((rows, WIDTH), np.float32)
    weights = np.empty((rows, positions), np.float32)
    heard = np.empty((POSITIONS_AT_ONCE, WIDTH), np.float32)
    value0, value1, value2, value3 = heard[0], heard[1], heard[2], heard[3]
    first, after = share_of(windows * heads)
    for item in range(first, after):
        window = item // heads
        head = item - window * heads
        # 1. scores: a key is made real once for all queries of a row
        begin = window * query_place[0] + head * query_place[1]
        scale = key_scales[window, head]
        for one in range(queries):
            row = query[begin + one * query_place[2] : begin + one * query_place[2] + WIDTH]
            for c in range(WIDTH):
                asked[one, c] = row[c] * scale[c]
        start = window * place[0] + head * place[1]
        for one in range(0, rows, QUERIES_AT_ONCE):
            query0, query1, query2 = asked[one], asked[one + 1], asked[one + 2]
            query3, query4 = asked[one + 3], asked[one + 4]
            for position in range(positions):
                key = keys[start + position * place[2] : start + position * place[2] + WIDTH]
                total0 = total1 = total2 = total3 = total4 = np.float32(0)
                for c in range(WIDTH):
                    number = np.float32(key[c])
                    total0 += number * query0[c]
                    total1 += number * query1[c]
                    total2 += number * query2[c]
                    total3 += number * query3[c]
                    total4 += number * query4[c]
                weights[one, position], weights[one + 1, position] = total0, total1
                weights[one + 2, position], weights[one + 3, position] = total2, total3
                weights[one + 4, position] = total4
        # 2. what the values weigh
        for one in range(queries):
            weight = weights[one]
            largest, total = largest_of(weight), np.float32(0)
            for position in range(positions):
                exact = exponential(weight[position] - largest)
                weight[position] = exact
                total += exact
            share = np.float32(1) / total
            for position in range(positions):
                weight[position] *= share
            read[window, one, head] = 0
        # 3. their sum, as in beam_attention.py; as one function for both it takes 1.4 times as long
        start = window * values_place[0] + head * values_place[1]
        for position in range(0, positions, POSITIONS_AT_ONCE):
            for one in range(POSITIONS_AT_ONCE):
                at = start + (position + one) * values_place[2]
                row8, real = values[at : at + WIDTH], heard[one]
                for c in range(WIDTH):
                    real[c] = row8[c]
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
        scale = value_scales[window, head]
        for one in range(queries):
            sums = read[window, one, head]
            for c in range(WIDTH):
                sums[c] *= scale[c]
