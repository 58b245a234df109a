"""Attention over whole windows, for the encoder: the fastest exact way for each device and type.

No masks and no caches: the decoder's attention is in decoding/model/text_decoder.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.kernels.int8_linear import has_tiles

ROWS_AT_ONCE = 250  # queries; their scores stay in the core's own cache


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[w, heads, n, width] each, the scale folded into the query -> [w, n, heads x width]."""
    windows, heads, count, width = query.shape
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and not has_tiles():
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
