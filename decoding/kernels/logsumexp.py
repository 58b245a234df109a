"""The large text part of the logits read once: its sum, and where its best may lie, compiled.

On the CPU PyTorch reads and writes it five times for the sum alone. A row's figures do not depend
on the rows beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.exp import exponential
from decoding.kernels.openmp import share_of, shared_loop
from decoding.kernels.triton_here import has_triton
from decoding.kernels.wide_vectors import take_wide_vectors

BLOCK = 64  # columns of a block, as far from each other as there are blocks


def block_maxima_and_logsumexp(logits: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Of the first `length` columns of logits [.., columns], float32.

    The largest of each block [.., length // BLOCK], without what is left over at the end, and the
    log of the sum of all exponentials [..]. Column c, if not left over, is of the block
    c mod (length // BLOCK).
    """
    blocks = length // BLOCK
    if logits.is_cuda and has_triton():
        from decoding.kernels.logsumexp_triton import block_maxima_and_logsumexp_once

        return block_maxima_and_logsumexp_once(logits, length, BLOCK)
    if logits.device.type != "cpu" or logits.dtype != torch.float32:
        text = logits[..., :length]
        whole = text[..., : blocks * BLOCK].reshape(*text.shape[:-1], BLOCK, blocks)
        return whole.amax(-2), text.logsumexp(-1)
    rows = logits.contiguous().view(-1, logits.shape[-1])
    most, sums = rows.new_empty(len(rows), blocks), rows.new_empty(len(rows))
    sizes = (len(rows), rows.shape[1], blocks, length)
    _block_maxima_and_logsumexp(sizes, rows, most, sums, work=rows.numel())
    return most.view(*logits.shape[:-1], blocks), sums.view(logits.shape[:-1])


@shared_loop()
def _block_maxima_and_logsumexp(given: Any) -> None:
    take_wide_vectors()
    sizes = carray(given[0], 4, np.int64)
    rows, columns, blocks, length = sizes[0], sizes[1], sizes[2], sizes[3]
    logits = carray(given[1], (rows, columns), np.float32)
    most = carray(given[2], (rows, blocks), np.float32)
    sums = carray(given[3], rows, np.float32)
    parts = np.empty(blocks, np.float32)
    first, after = share_of(rows)
    for row in range(first, after):
        numbers, largest = logits[row], most[row]
        # 1. the largest of each block, and of the row
        largest[:] = -np.inf
        for turn in range(BLOCK):
            some = numbers[turn * blocks : (turn + 1) * blocks]
            for block in range(blocks):
                number = some[block]
                largest[block] = number if number > largest[block] else largest[block]
        top = np.float32(-np.inf)
        for block in range(blocks):
            top = max(top, largest[block])
        for column in range(BLOCK * blocks, length):
            top = max(top, numbers[column])
        # 2. the sum, block by block, and then of the blocks
        bound = top if top > -np.inf else np.float32(0)  # nothing is possible: the sum is zero
        parts[:] = 0
        for turn in range(BLOCK):
            some = numbers[turn * blocks : (turn + 1) * blocks]
            for block in range(blocks):
                parts[block] += exponential(some[block] - bound)
        total = np.float32(0)
        for block in range(blocks):
            total += parts[block]
        for column in range(BLOCK * blocks, length):
            total += exponential(numbers[column] - bound)
        sums[row] = bound + np.log(total)
