"""A few queries over many positions in one kernel: keys and values are read once.

One program takes one head of one window and goes through its positions block by block. What it has
read so far is kept relative to the largest score so far, and scaled down whenever a larger one
comes. Needs Triton; who may call it is decided by decoding/kernels/step_attention.py.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

ROWS = 16  # the fewest of a product of tensor cores; queries beyond those given are nobody's
POSITIONS = 128  # of a block
WARPS = 4
STAGES = 3


def attend_once(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None = None,
    scales: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """softmax(query keys + mask) values, as [w, q, h x 64]; without a mask all positions are seen.

    `query` [w, h, q, 64] of at most 16 queries, `keys` and `values` [w, h, n, 64] of one layout;
    `mask` [w, 1, q, n], the same for all heads. `scales`: keys and values are whole numbers, each
    channel's times these [w, h, 64], of one layout too.
    """
    windows, heads, queries, width = query.shape
    assert keys.stride() == values.stride(), "keys and values lie alike"
    read = query.new_empty(windows, queries, heads, width)
    key_scale, value_scale = scales or (query, query)
    assert key_scale.stride() == value_scale.stride(), "scales lie alike"
    _attend[(windows, heads)](
        query, keys, values, query if mask is None else mask, key_scale, value_scale, read,
        *query.stride()[:3], *keys.stride()[:3], *read.stride()[:3],
        *((0, 0) if mask is None else (mask.stride(0), mask.stride(2))),
        *key_scale.stride()[:2], queries, keys.shape[2],
        ROWS=ROWS, POSITIONS=POSITIONS, WIDTH=width, HAS_MASK=mask is not None,
        HAS_SCALES=scales is not None,
        num_warps=WARPS, num_stages=STAGES,
    )  # fmt: skip
    return read.flatten(2)


@triton.jit  # type: ignore[untyped-decorator]  # Triton has no types
def _attend(  # type: ignore[no-untyped-def]
    query, keys, values, mask, key_scale, value_scale, read,
    query_window, query_head, query_row,
    window_step, head_step, position_step,
    read_window, read_row, read_head,
    mask_window, mask_row,
    scale_window, scale_head,
    queries, positions,
    ROWS: tl.constexpr, POSITIONS: tl.constexpr,
    WIDTH: tl.constexpr, HAS_MASK: tl.constexpr, HAS_SCALES: tl.constexpr,
):  # fmt: skip
    window, head = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    row, column, offset = tl.arange(0, ROWS), tl.arange(0, WIDTH), tl.arange(0, POSITIONS)
    is_query = row[:, None] < queries
    asked = query + window * query_window + head * query_head
    asking = tl.load(asked + row[:, None] * query_row + column[None, :], mask=is_query, other=0.0)
    start = window * window_step + head * head_step
    scale_at = window * scale_window + head * scale_head + column
    if HAS_SCALES:
        asking = (asking * tl.load(key_scale + scale_at)[None, :]).to(asking.dtype)
    largest = tl.full((ROWS,), float("-inf"), tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    kept = tl.zeros((ROWS, WIDTH), tl.float32)
    for begin in range(0, positions, POSITIONS):
        # 1. scores of a block
        at = begin + offset
        is_there = at < positions
        place = start + at[:, None] * position_step + column[None, :]
        key = tl.load(keys + place, mask=is_there[:, None], other=0.0)
        score = tl.dot(asking, tl.trans(key.to(asking.dtype)))
        if HAS_MASK:
            seen = mask + window * mask_window + row[:, None] * mask_row + at[None, :]
            score += tl.load(seen, mask=is_query & is_there[None, :], other=0.0).to(tl.float32)
        score = tl.where(is_there[None, :], score, float("-inf"))
        # 2. what was read before counts less if a larger score has come
        most = tl.maximum(largest, tl.max(score, 1))
        most = tl.where(most == float("-inf"), 0.0, most)  # nothing is seen so far
        weight = tl.exp(score - most[:, None])
        less = tl.exp(largest - most)
        value = tl.load(values + place, mask=is_there[:, None], other=0.0).to(asking.dtype)
        total = total * less + tl.sum(weight, 1)
        kept = kept * less[:, None] + tl.dot(weight.to(value.dtype), value)
        largest = most
    told = read + window * read_window + head * read_head
    result = kept / total[:, None]
    if HAS_SCALES:
        result = result * tl.load(value_scale + scale_at)[None, :]
    result = result.to(read.dtype.element_ty)
    tl.store(told + row[:, None] * read_row + column[None, :], result, mask=is_query)
