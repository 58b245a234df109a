"""The large text part of the logits read once on CUDA: the largest of each block, and the sum.

One program takes one row, as decoding/kernels/logsumexp.py does on the CPU: it goes through the
row in turns, of which each has one column of every block, and keeps for every block the largest and
a sum relative to it. Needs Triton. Run through its interpreter alone; not seen on a card.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

WARPS = 8
AT_ONCE = 8  # turns, so that their reads do not wait for each other


def block_maxima_and_logsumexp_once(
    logits: Tensor, length: int, turns: int
) -> tuple[Tensor, Tensor]:
    """Of the first `length` columns of logits [.., columns]: the largest of each block
    [.., length // turns], and the log of the sum of all exponentials [..].

    `turns` is a multiple of `AT_ONCE`.
    """
    rows = logits.contiguous().view(-1, logits.shape[-1])
    blocks = length // turns
    most, sums = rows.new_empty(len(rows), blocks), rows.new_empty(len(rows))
    _maxima_and_logsumexp[(len(rows),)](
        rows, most, sums,
        rows.shape[1], blocks, length, turns,
        AT_ONCE=AT_ONCE, SIZE=triton.next_power_of_2(max(blocks, length - blocks * turns)),
        num_warps=WARPS,
    )  # fmt: skip
    return most.view(*logits.shape[:-1], blocks), sums.view(logits.shape[:-1])


@triton.jit  # type: ignore[untyped-decorator]  # Triton has no types
def _maxima_and_logsumexp(  # type: ignore[no-untyped-def]
    logits, most, sums,
    columns, blocks, length, turns,
    AT_ONCE: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    block = tl.arange(0, SIZE)
    is_block = block < blocks
    never = float("-inf")
    largest = tl.full((SIZE,), never, tl.float32)
    total = tl.zeros((SIZE,), tl.float32)
    # 1. some turns at once; behind the last whole one lies what is left over, which is of no block
    some = tl.arange(0, AT_ONCE)
    for turn in range(0, turns, AT_ONCE):
        at = (turn + some[:, None]) * blocks + block[None, :]
        number = tl.load(logits + row * columns + at, mask=is_block[None, :], other=never)
        top = tl.maximum(largest, tl.max(number, 0))
        bound = tl.where(top == never, 0.0, top)
        total = total * tl.exp(largest - bound) + tl.sum(tl.exp(number - bound[None, :]), 0)
        largest = top
    tl.store(most + row * blocks + block, largest, mask=is_block)
    at = turns * blocks + block
    number = tl.load(logits + row * columns + at, mask=at < length, other=never)
    # 2. one sum of all
    top = tl.maximum(tl.max(largest, 0), tl.max(number, 0))
    bound = tl.where(top == never, 0.0, top)
    whole = tl.sum(total * tl.exp(largest - bound), 0) + tl.sum(tl.exp(number - bound), 0)
    is_nothing = whole == 0.0
    found = bound + tl.log(tl.where(is_nothing, 1.0, whole))
    tl.store(sums + row, tl.where(is_nothing, never, found))
