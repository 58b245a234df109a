"""Attention of a few queries over sound of 8 bits, compiled: the beams of a decoding step.

For float32 queries on the CPU, in whole numbers: a query is made 16 bits, and so are the weights of
the positions, so that products are added up in pairs and sums are exact. On speech that rounds a
tenth at most of what 8 bits round. As in decoding/kernels/beam_attention.py a window's figures
depend neither on the windows beside it nor on how many threads there are.
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
    WIDTH,
    nothing_read,
    place_of,
    reach,
    sizes_of,
)
from decoding.kernels.compiled import compiled
from decoding.kernels.dither import spread
from decoding.kernels.dot_products import PAIRED_SUMS, ROWS, add_pairs
from decoding.kernels.eight_bits import POSITIONS_TOGETHER, EightBits, Pairs
from decoding.kernels.exp import exponential
from decoding.kernels.float_bits import MAGNITUDE, ROUND
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.wide_vectors import take_wide_vectors

_LARGEST = np.float32(2**15 - 2)  # of a query's numbers, and of weights: one more may be rounded up
_SMALLEST = np.float32(1e-30)  # of a query that asks nothing
_MOST_WEIGHT = np.float32(2**24)  # of all positions together: times 127 it is a number of 32 bits


def pairs_of(device: torch.device, positions: int, width: int) -> tuple[Pairs, Pairs]:
    """How keys and values [.., positions, width] are to be kept there for `attend`.

    In no pairs where there are other numbers of them than Whisper's: these are read whole, slowly.
    """
    fits = positions % POSITIONS_TOGETHER == 0 and width == WIDTH
    if device.type != "cpu" or not fits:
        return Pairs.NONE, Pairs.NONE
    return Pairs.CHANNELS, Pairs.POSITIONS


def supports(query: Tensor, keys: EightBits, values: EightBits) -> bool:
    """Whether queries [w, h, q, 64] over keys and values [w, h, n, 64] are work for here."""
    return (
        query.device.type == "cpu"
        and query.dtype == torch.float32
        and query.shape[2] <= MOST_QUERIES
        and query.stride(3) == 1
        and (keys.pairs, values.pairs) == (Pairs.CHANNELS, Pairs.POSITIONS)
        and keys.numbers.stride()[2:] == values.numbers.stride()[2:] == (WIDTH, 1)
    )


def attend(query: Tensor, keys: EightBits, values: EightBits) -> Tensor:
    """softmax(query keys) values, as [w, q, h x 64], of what `supports` takes; all is seen.

    Keys lie in pairs of channels, values in pairs of positions, as `pairs_of` says.
    """
    read, given = nothing_read(query), (query, keys.numbers, values.numbers)
    places = (*place_of(query), *place_of(keys.numbers), *place_of(values.numbers))
    numbers = (*sizes_of(query, keys.numbers), *places)
    scales = (keys.scale.contiguous(), values.scale.contiguous())
    _attend(numbers, *given, *scales, read, work=query.numel() * keys.numbers.shape[2])
    return read.flatten(2)


@compiled()
def _to_shorts(real: Any, few: Any) -> Any:
    """Numbers [d] as whole ones of 16 bits, in steps of what is returned: NaN if one of them is."""
    most, bits = np.int32(0), real.view(np.int32)
    for c in range(len(real)):
        most = max(most, bits[c] & MAGNITUDE)
    step = max(np.int32(most).view(np.float32), _SMALLEST) / _LARGEST
    for c in range(len(real)):
        few[c] = (real[c] / step + ROUND) - ROUND
    return step


@compiled(fastmath=FASTMATH)
def _weigh(score: Any, step: Any, exact: Any) -> Any:
    """e to the power of scores [n] in steps, the largest of them 1, and their sum."""
    most = score[0]
    for position in range(len(score)):
        most = max(most, score[position])
    total = np.float32(0)
    for position in range(len(score)):
        weight = exponential(np.float32(np.int32(score[position] - most)) * step)
        exact[position] = weight
        total += weight
    return total


@compiled()  # no liberties: what is added is not to be left out
def _round(exact: Any, factor: Any, offsets: Any, few: Any) -> None:
    """Numbers [n] times a factor as whole ones of 16 bits, some up and some down by offsets [n]:
    of a thousand that are less than a half each, together as many are left as there were."""
    for at in range(len(exact)):
        few[at] = (exact[at] * factor + offsets[at] + ROUND) - ROUND


@compiled()
def _score(asked: Any, keys: Any, scores: Any) -> None:
    """Scores [q, n] of what is asked [q, 64] of keys in pairs of channels; q a multiple of 5.

    A part of 60 positions is no multiple of what is added up at a time: the last ones begin
    earlier, and what they share with those before is added up anew.
    """
    scores[:] = 0
    step = 2 * POSITIONS_TOGETHER
    for one in range(0, len(asked), ROWS):
        some, found = asked[one : one + ROWS], scores[one : one + ROWS]
        for part in range(0, scores.shape[1], POSITIONS_TOGETHER):
            for position in range(0, POSITIONS_TOGETHER, PAIRED_SUMS):
                at = min(position, POSITIONS_TOGETHER - PAIRED_SUMS)
                found[:, part + at : part + position] = 0
                theirs = keys[part * WIDTH + 2 * at :]
                add_pairs(found, part + at, theirs, step, some, WIDTH // 2)


@compiled()
def _sum(weights: Any, values: Any, sums: Any) -> None:
    """Sums [q, 64] by their weights [q, n] of values in pairs of positions; q a multiple of 5."""
    sums[:] = 0
    for one in range(0, len(weights), ROWS):
        some, found = weights[one : one + ROWS], sums[one : one + ROWS]
        for part in range(0, weights.shape[1], POSITIONS_TOGETHER):
            for c in range(0, WIDTH, PAIRED_SUMS):
                theirs = values[part * WIDTH + 2 * c :]
                add_pairs(found, c, theirs, 2 * WIDTH, some[:, part:], POSITIONS_TOGETHER // 2)


@shared_loop(fastmath=FASTMATH)
def _attend(block: Any) -> None:
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
    rows = -(-queries // ROWS) * ROWS  # the last ones may be of nobody
    asked, steps = np.zeros((rows, WIDTH), np.int16), np.zeros(rows, np.float32)
    scores, sums = np.empty((rows, positions), np.int32), np.empty((rows, WIDTH), np.int32)
    weights, worth = np.zeros((rows, positions), np.int16), np.zeros(rows, np.float32)
    real, exact = np.empty(WIDTH, np.float32), np.empty(positions, np.float32)
    offsets = np.empty(positions, np.float32)
    spread(offsets)
    first, after = share_of(windows * heads)
    for item in range(first, after):
        window = item // heads
        head = item - window * heads
        # 1. what is asked, the scales of the keys in it
        begin = window * query_place[0] + head * query_place[1]
        scale = key_scales[window, head]
        for one in range(queries):
            row = query[begin + one * query_place[2] : begin + one * query_place[2] + WIDTH]
            for c in range(WIDTH):
                real[c] = row[c] * scale[c]
            steps[one] = _to_shorts(real, asked[one])
        # 2. their scores, and what the values weigh
        start = window * place[0] + head * place[1]
        _score(asked, keys[start : start + positions * WIDTH], scores)
        for one in range(queries):
            total = _weigh(scores[one], steps[one], exact)
            factor = min(_LARGEST, _MOST_WEIGHT / total)
            _round(exact, factor, offsets, weights[one])
            worth[one] = np.float32(1) / (total * factor)
        # 3. the sum of the values
        start = window * values_place[0] + head * values_place[1]
        _sum(weights, values[start : start + positions * WIDTH], sums)
        scale = value_scales[window, head]
        for one in range(queries):
            found = read[window, one, head]
            for c in range(WIDTH):
                found[c] = np.float32(sums[one, c]) * scale[c] * worth[one]
