"""Attention of a few queries, the beams of a step, over sound or text: the fastest way on CUDA.

Two products with a softmax between them read and write the scores, and 1,500 positions suit no
library's product. One kernel reads keys and values once. On an H100, 20 heads in half precision, it
took 88 microseconds for the sound of 32 windows, and PyTorch's fused attention 134, two products
189; for one window 14, 11 and 24. So a few windows are the library's work, and all are where there
is no Triton. The prototype was measured; this kernel has been run through Triton's interpreter
alone. For text it stands for five launches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from decoding.kernels.eight_bits import EightBits
from decoding.kernels.triton_here import is_for_triton

WIDTH = 64  # of a head of every Whisper
MOST_QUERIES = 16
FEWEST_WINDOWS = 4  # below, one program for each head leaves most of a card idle


def supports_unmasked(query: Tensor) -> bool:
    """Whether queries [w, h, q, width] are work for `attend_unmasked`: those on CUDA."""
    return query.is_cuda


def attend_unmasked(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """softmax(query keys) values, as [w, q, h x width]; every position is seen.

    `query` [w, h, q, width], `keys` and `values` [w, h, n, width]. Waits for nothing.
    """
    if len(query) >= FEWEST_WINDOWS and _is_for_kernel(query, keys):
        from decoding.kernels.step_attention_triton import attend_once

        return attend_once(query, keys, values)
    attended = F.scaled_dot_product_attention(query, keys, values, scale=1.0)
    return attended.transpose(1, 2).flatten(2)


def attend_eight_bits(query: Tensor, keys: EightBits, values: EightBits) -> Tensor:
    """The same over keys and values [w, h, n, width] of 8 bits: the kernel reads them so."""
    if len(query) >= FEWEST_WINDOWS and _is_for_kernel(query, keys.numbers):
        from decoding.kernels.step_attention_triton import attend_once

        scales = (keys.scale, values.scale)
        return attend_once(query, keys.numbers, values.numbers, scales=scales)
    return attend_unmasked(query, keys.whole(query.dtype), values.whole(query.dtype))


def supports(query: Tensor, keys: Tensor, mask: Tensor) -> bool:
    """Whether a step's queries, and a `mask` [w, 1, q, n] beside them, are work for
    `attend_masked`."""
    return mask.dim() == 4 and mask.stride(-1) == 1 and _is_for_kernel(query, keys)


def attend_masked(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """softmax(query keys + mask) values, as [w, q, h x width], of what `supports` takes."""
    from decoding.kernels.step_attention_triton import attend_once

    return attend_once(query, keys, values, mask)


def _is_for_kernel(query: Tensor, keys: Tensor) -> bool:
    return (
        query.shape[2] <= MOST_QUERIES
        and query.shape[3] == WIDTH
        and keys.dtype in (query.dtype, torch.int8)
        and keys.stride(3) == 1
        and is_for_triton(query)
    )
