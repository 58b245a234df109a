"""A sum and its LayerNorm in one kernel: each row is read once and written twice.

One program takes one row. The sum is rounded as it is written before its mean is taken, as two
kernels would. Needs Triton; who may call it is decided by decoding/kernels/add_norm.py.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

WARPS = 4


def add_and_norm_once(
    x: Tensor, added: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """As decoding/kernels/add_norm.py's; `x` and `added` [.., d] are contiguous and alike."""
    width = x.shape[-1]
    total, normed = torch.empty_like(x), torch.empty_like(x)
    _add_and_norm[(x.numel() // width,)](
        x, added, weight, bias, total, normed,
        width, epsilon,
        SIZE=triton.next_power_of_2(width),
        num_warps=WARPS,
    )  # fmt: skip
    return total, normed


@triton.jit  # type: ignore[untyped-decorator]  # Triton has no types
def _add_and_norm(  # type: ignore[no-untyped-def]
    x, added, weight, bias, total, normed,
    width, epsilon,
    SIZE: tl.constexpr,
):  # fmt: skip
    column = tl.arange(0, SIZE)
    is_there = column < width
    at = tl.program_id(0).to(tl.int64) * width + column
    here = tl.load(x + at, mask=is_there, other=0.0).to(tl.float32)
    here += tl.load(added + at, mask=is_there, other=0.0).to(tl.float32)
    told = here.to(total.dtype.element_ty)
    tl.store(total + at, told, mask=is_there)
    here = told.to(tl.float32)
    mean = tl.sum(here, 0) / width
    apart = tl.where(is_there, here - mean, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(apart * apart, 0) / width + epsilon)
    times = tl.load(weight + column, mask=is_there, other=0.0).to(tl.float32)
    plus = tl.load(bias + column, mask=is_there, other=0.0).to(tl.float32)
    result = apart * scale * times + plus
    tl.store(normed + at, result.to(normed.dtype.element_ty), mask=is_there)
