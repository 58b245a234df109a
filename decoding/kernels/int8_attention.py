"""Attention of all positions over all of them in 8 bits, compiled: the encoder's.

For AVX-512 with VNNI, which adds up fours of bytes, without AMX, which multiplies tiles. Each of a
head's channels has a scale for keys and one for values, each query one of its own, into which those
of the keys go. What positions weigh has 8 bits without a sign, and is rounded up and down in turn
(decoding/kernels/dither.py): of many that weigh little each, together as much is left as there was.
With `base` the encoder's result is 3.3 to 4.6 % from that of an exact attention, as it is with
bfloat16: 3.0 to 4.8 (benchmarks/results/2026-11-30-quads.md). A query's result does not depend on
the windows beside it, nor on how many threads there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.compiled import compiled
from decoding.kernels.dither import spread
from decoding.kernels.dot_products import OFFSET, QUAD, QUAD_SUMS, ROWS, add_quads
from decoding.kernels.exp import PER_OCTAVE, rough_power
from decoding.kernels.float_bits import MAGNITUDE, ROUND
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors

WIDTH = QUAD_SUMS
"""Of a head: all that is added up at a time. Whisper's have 64."""
MOST_POSITIONS = 60_000  # times 254 x 127 it is a number of 32 bits

_SIGNS = np.int32(-0x7F7F7F80)  # of four bytes: with them turned round OFFSET is added to each
_LARGEST = np.float32(127)
_LARGEST_WEIGHT = np.float32(254)  # rounded up it is still a byte
_SMALLEST = np.float32(1e-20)  # of a channel or a query that is silent
_QUERIES_TOGETHER = 10 * ROWS  # shared out among threads

_KEY, _VALUE = 1, 2  # places in what is merged


def attend(merged: Tensor) -> Tensor:
    """softmax(query keys) values, as [w, n, h x 64]; of float32 queries, keys and values
    [w, n, 3, h, 64] on the CPU, contiguous. Only where `dot_products.MULTIPLIES_QUADS`.

    Raises ValueError for what is none of these, or more than `MOST_POSITIONS`.
    """
    windows, count, parts, heads, width = merged.shape
    is_float = merged.dtype == torch.float32 and merged.device.type == "cpu"
    fits = (parts, width) == (3, WIDTH) and count <= MOST_POSITIONS and merged.is_contiguous()
    if not (is_float and fits):
        raise ValueError(
            f"queries, keys and values must be contiguous float32 [w, n, 3, h, {WIDTH}] on the "
            f"CPU, n at most {MOST_POSITIONS}, not {merged.dtype} {tuple(merged.shape)} with "
            f"strides {merged.stride()} on {merged.device}"
        )
    padded = -(-count // QUAD_SUMS) * QUAD_SUMS
    keys = merged.new_empty(windows, heads, padded * width, dtype=torch.uint8)
    values = merged.new_empty(windows, heads, padded * width, dtype=torch.int8)
    scales = merged.new_empty(windows, heads, 2, width)
    attended = merged.new_empty(windows, count, heads * width)
    sizes = (windows, heads, count)
    _prepare(sizes, merged, keys, values, scales, work=merged.numel())
    work = windows * heads * count * count * width
    _attend(sizes, merged, keys, values, scales, attended, work=work)
    return attended


@compiled()
def _find_scales(bits: Any, which: int, head: int, most: Any, scales: Any) -> None:
    """The scales [64] by which the largest key or value of each channel is 127; of the bits of a
    window's [n, 3, h, 64], which without signs are in the order of the numbers, NaN above all."""
    take_wide_vectors()
    most[:] = 0
    for position in range(len(bits)):
        row = bits[position, which, head]
        for c in range(WIDTH):
            most[c] = max(most[c], np.int32(row[c] & MAGNITUDE))
    largest = most.view(np.float32)
    for c in range(WIDTH):
        scales[c] = max(largest[c], _SMALLEST) / _LARGEST


@compiled()
def _quantise(row: Any, scales: Any, whole: Any) -> None:
    """A row [64] as whole numbers [64] of its channels' scales."""
    take_wide_vectors()
    for c in range(WIDTH):
        whole[c] = np.int32((row[c] / scales[c] + ROUND) - ROUND)


@shared_loop()
def _prepare(block: Any) -> None:
    """Keys in tiles of 64 positions, four channels of each together, and values in fours of
    positions: as they are read. Positions beyond the last are padding, which weighs nothing."""
    take_wide_vectors()
    sizes = carray(block[0], 3, np.int64)
    windows, heads, count = sizes[0], sizes[1], sizes[2]
    padded = -(-count // QUAD_SUMS) * QUAD_SUMS
    merged = carray(block[1], (windows, count, 3, heads, WIDTH), np.float32)
    bits = carray(block[1], (windows, count, 3, heads, WIDTH), np.int32)
    fours = (windows, heads, padded // QUAD_SUMS, WIDTH // QUAD, QUAD_SUMS)
    keys = carray(block[2], fours, np.int32)  # of bytes
    values = carray(block[3], (windows, heads, padded // QUAD, WIDTH, QUAD), np.int8)
    scales = carray(block[4], (windows, heads, 2, WIDTH), np.float32)
    whole, most = np.zeros((QUAD, WIDTH), np.int8), np.empty(WIDTH, np.int32)
    first, after = share_of(windows * heads)
    for item in range(first, after):
        window = item // heads
        head = item - window * heads
        given, of_keys, of_values = merged[window], scales[window, head, 0], scales[window, head, 1]
        _find_scales(bits[window], _KEY, head, most, of_keys)
        _find_scales(bits[window], _VALUE, head, most, of_values)
        for four in range(padded // QUAD):
            begin = four * QUAD
            tile, place = begin // QUAD_SUMS, begin % QUAD_SUMS
            whole[:] = 0
            for one in range(min(QUAD, count - begin)):
                _quantise(given[begin + one, _KEY, head], of_keys, whole[one])
            for one in range(QUAD):
                channels = whole[one].view(np.int32)
                for group in range(WIDTH // QUAD):
                    keys[window, head, tile, group, place + one] = channels[group] ^ _SIGNS
            for one in range(min(QUAD, count - begin)):
                _quantise(given[begin + one, _VALUE, head], of_values, whole[one])
            for c in range(WIDTH):
                for one in range(QUAD):
                    values[window, head, four, c, one] = whole[one, c]


@compiled()
def _ask(query: Any, scale: Any, real: Any, asked: Any) -> tuple[Any, Any]:
    """A query [64] times the scales [64] of the keys, as whole numbers [64]: their scale, and what
    its scores begin with, the keys' offset taken away."""
    take_wide_vectors()
    most, total, bits = np.int32(0), np.int32(0), real.view(np.int32)
    for c in range(WIDTH):
        real[c] = query[c] * scale[c]
    for c in range(WIDTH):
        most = max(most, np.int32(bits[c] & MAGNITUDE))
    own = max(np.int32(most).view(np.float32), _SMALLEST) / _LARGEST
    for c in range(WIDTH):
        whole = np.int32((real[c] / own + ROUND) - ROUND)
        asked[c] = whole
        total = np.int32(total + whole)
    return own, np.int32(-OFFSET * total)


@compiled(fastmath={"contract"})
def _weigh(scores: Any, scale: Any, offsets: Any, weights: Any) -> Any:
    """e to the power of scores [n] of a scale, the largest of them 254, rounded by offsets [n] to
    whole numbers; and one by their sum."""
    take_wide_vectors()
    most = scores[0]
    for position in range(len(scores)):
        most = max(most, scores[position])
    total, octaves = np.int32(0), scale * PER_OCTAVE
    for position in range(len(scores)):
        power = rough_power(np.float32(np.int32(scores[position] - most)) * octaves)
        exact = power * _LARGEST_WEIGHT + offsets[position]
        weight = np.int32((exact + ROUND) - ROUND)
        weights[position] = weight
        total = np.int32(total + weight)
    return (scale / scale) / np.float32(total)  # a query that is NaN is answered by NaN


@shared_loop()
def _attend(block: Any) -> None:
    take_wide_vectors()
    sizes = carray(block[0], 3, np.int64)
    windows, heads, count = sizes[0], sizes[1], sizes[2]
    padded = -(-count // QUAD_SUMS) * QUAD_SUMS
    merged = carray(block[1], (windows, count, 3, heads, WIDTH), np.float32)
    keys = carray(block[2], (windows, heads, padded // QUAD_SUMS, QUAD_SUMS * WIDTH), np.uint8)
    values = carray(block[3], (windows, heads, padded * WIDTH), np.int8)
    scales = carray(block[4], (windows, heads, 2, WIDTH), np.float32)
    attended = carray(block[5], (windows, count, heads, WIDTH), np.float32)
    asked, weights = np.zeros((ROWS, WIDTH), np.int8), np.zeros((ROWS, padded), np.uint8)
    scores, sums = np.zeros((ROWS, padded), np.int32), np.zeros((ROWS, WIDTH), np.int32)
    own, worth = np.zeros(ROWS, np.float32), np.zeros(ROWS, np.float32)
    real, offsets = np.empty(WIDTH, np.float32), np.empty(count, np.float32)
    spread(offsets)
    parts = -(-count // _QUERIES_TOGETHER)
    first, after = share_of(windows * heads * parts)
    for item in range(first, after):
        window = item // (heads * parts)
        head = item // parts - window * heads
        begin = (item % parts) * _QUERIES_TOGETHER
        end = min(begin + _QUERIES_TOGETHER, count)
        of_keys, of_values = scales[window, head, 0], scales[window, head, 1]
        for place in range(begin, end, ROWS):
            there = min(ROWS, end - place)
            for one in range(there):
                query = merged[window, place + one, 0, head]
                own[one], scores[one, :] = _ask(query, of_keys, real, asked[one])
            for tile in range(padded // QUAD_SUMS):
                numbers = keys[window, head, tile]
                add_quads(scores, tile * QUAD_SUMS, numbers, asked, WIDTH // QUAD)
            for one in range(there):
                worth[one] = _weigh(scores[one, :count], own[one], offsets, weights[one])
            sums[:] = 0
            add_quads(sums, 0, values[window, head], weights, padded // QUAD)
            for one in range(there):
                found = attended[window, place + one, head]
                for c in range(WIDTH):
                    found[c] = np.float32(sums[one, c]) * worth[one] * of_values[c]
