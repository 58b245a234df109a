"""Whether kernels in Triton can be run here. It comes with PyTorch for CUDA, and may be missing."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor


@cache
def has_triton() -> bool:
    """Whether it is installed."""
    return find_spec("triton") is not None


def is_for_triton(tensor: Tensor) -> bool:
    """Whether a tensor [.., n] is one that our kernels take: on CUDA, in half precision, rows
    whole."""
    return (
        tensor.is_cuda
        and tensor.dtype in (torch.float16, torch.bfloat16)
        and tensor.stride(-1) == 1
        and has_triton()
    )
