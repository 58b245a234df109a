"""Attention of a few queries, the beams of a step, over a window's sound: the fastest way on CUDA.

Two products with a softmax between them read and write the scores, and 1,500 positions suit no
library's product. One kernel reads keys and values once. On an H100, 20 heads in half precision, it
took 88 microseconds for 32 windows, and PyTorch's fused attention 134, two products 189; for one
window 14, 11 and 24. So a few windows are the library's work, and all are where there is no Triton.
The prototype was measured; this kernel has been run through Triton's interpreter alone.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor

WIDTH = 64  # of a head of every Whisper
MOST_QUERIES = 16
FEWEST_WINDOWS = 4  # below, one program for each head leaves most of a card idle


def supports(query: Tensor) -> bool:
    """Whether queries [w, h, q, width] are work for here: those on CUDA."""
    return query.device.type == "cuda"


def attend(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(query keys) values, as [w, q, h x width]; every position is seen.

    `query` [w, h, q, width], `keys` and `values` [w, h, n, width]. Waits for nothing.
    """
    if _is_for_kernel(query, keys) and _has_triton():
        from decoding.kernels.audio_attention_triton import attend_once

        return attend_once(query, keys, values)
    attended = F.scaled_dot_product_attention(query, keys, values, scale=1.0)
    return attended.transpose(1, 2).flatten(2)


def _is_for_kernel(query: Tensor, keys: Tensor) -> bool:
    windows, _, queries, width = query.shape
    return (
        windows >= FEWEST_WINDOWS
        and queries <= MOST_QUERIES
        and width == WIDTH
        and query.dtype == keys.dtype
        and query.dtype in (torch.float16, torch.bfloat16)
        and query.stride(3) == keys.stride(3) == 1
    )


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
