"""Attention over whole windows, for the encoder: the fastest exact way for each device and type.

No masks and no caches: the decoder's attention is in decoding/model/text_decoder.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.kernels import int8_attention
from decoding.kernels.int8_choice import has_tile_instructions, multiplies_quads
from decoding.model.layers import Precision

ROWS_AT_ONCE = 250  # queries; their scores stay in the core's own cache


Attention = Callable[[Tensor], Tensor]
"""Queries, keys and values [w, n, 3, heads, width] in one, the scale folded into the queries ->
[w, n, heads x width]."""


def attention_for(precision: Precision, width: int) -> Attention:
    """The encoder's attention in a precision, for heads of a width.

    Where one is chosen for being quicker, words may differ: no clock is asked.
    """
    is_quicker = multiplies_quads() and not has_tile_instructions()
    if precision.is_quantised and is_quicker and width == int8_attention.WIDTH:
        return int8_attention.attend

    def attend_to(merged: Tensor) -> Tensor:
        return attend(*merged.to(precision.attention_dtype).permute(2, 0, 3, 1, 4))

    return attend_to


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[w, heads, n, width] each, the scale folded into the query -> [w, n, heads x width]."""
    windows, heads, count, width = query.shape
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and not has_tile_instructions():
        return _attend_in_parts(query, key, value)
    attended = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    return attended.transpose(1, 2).reshape(windows, count, heads * width)


def _attend_in_parts(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """One head, a few queries at a time: in bfloat16 without tiles (AMX) the fused routine is half
    as fast, with them twice."""
    windows, heads, count, width = query.shape
    query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
    attended = query.new_empty(windows, count, heads, width)
    for window in range(windows):
        for head in range(heads):
            keys, values = key[window, head].t(), value[window, head]
            for at in range(0, count, ROWS_AT_ONCE):
                part = slice(at, at + ROWS_AT_ONCE)
                weights = torch.matmul(query[window, head, part], keys).softmax(-1)
                attended[window, part, head] = torch.matmul(weights, values)
    return attended.view(windows, count, heads * width)
