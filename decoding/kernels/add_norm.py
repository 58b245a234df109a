"""What a layer adds to its input, and the norm of the sum for the next: one kernel on CUDA.

Apart they read and write the hidden states twice more, and in a step of a few rows each is a launch
that takes longer than its work. Run through Triton's interpreter alone; not seen on a card.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from decoding.kernels.triton_here import is_for_triton


def add_and_norm(
    x: Tensor, added: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """x + added [.., d], and its LayerNorm with `weight` and `bias` [d]. Waits for nothing."""
    if is_for_triton(x) and x.is_contiguous() and added.is_contiguous():
        from decoding.kernels.add_norm_triton import add_and_norm_once

        return add_and_norm_once(x, added, weight, bias, epsilon)
    total = x + added
    return total, F.layer_norm(total, weight.shape, weight, bias, epsilon)
