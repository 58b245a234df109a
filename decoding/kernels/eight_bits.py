"""Keys and values of the sound in 8 bits: half of what a step reads on CUDA, a quarter on the CPU.

Each of a head's channels has a scale in every window, by which its largest number is 127: queries
are multiplied by those of keys before, sums by those of values after, which takes no time beside
1,500 positions. With one scale a head the attention was 1.7 to 3.1 times as far off. Decides
nothing: who is read so is a matter of the model's loading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.float_bits import MAGNITUDE, ROUND
from decoding.kernels.openmp import share_of, shared_loop

LARGEST = 127
SMALLEST_SCALE = 1e-20  # of a channel that is silent

_LARGEST = np.float32(LARGEST)
_SMALLEST = np.float32(SMALLEST_SCALE)


@dataclass(frozen=True, slots=True, eq=False)
class EightBits:
    """`numbers` [.., n, d] of 8 bits; times `scale` [.., d] they are what they stand for."""

    numbers: Tensor
    scale: Tensor

    def whole(self, dtype: torch.dtype) -> Tensor:
        """What they stand for."""
        return (self.numbers.float() * self.scale[..., None, :]).to(dtype)


@dataclass(frozen=True, slots=True, eq=False)
class EightBitKeyValue:
    """Keys and values, each [w, heads, positions, width]."""

    keys: EightBits
    values: EightBits

    def whole(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """What they stand for."""
        return self.keys.whole(dtype), self.values.whole(dtype)


def to_eight_bits(whole: Tensor) -> EightBits:
    """The nearest numbers to `whole` [.., n, d], each at most half a scale from it."""
    is_simple = whole.device.type == "cpu" and whole.dtype == torch.float32 and whole.dim() == 4
    if is_simple and whole.stride(3) == 1:
        return _to_eight_bits_compiled(whole)
    exact = whole.float()
    scale = exact.abs().amax(-2).clamp_(min=SMALLEST_SCALE) / LARGEST
    return EightBits((exact / scale[..., None, :]).round_().to(torch.int8), scale)


def _to_eight_bits_compiled(whole: Tensor) -> EightBits:
    """The same of [w, heads, n, d] with the same bits, in two passes where PyTorch needs seven."""
    numbers = torch.empty(whole.shape, dtype=torch.int8)
    scale = whole.new_empty(*whole.shape[:2], whole.shape[3])
    _to_eight_bits((*whole.shape, *whole.stride()), whole, numbers, scale, work=whole.numel())
    return EightBits(numbers, scale)


@shared_loop()
def _to_eight_bits(block: Any) -> None:
    given = carray(block[0], 7, np.int64)
    windows, heads, positions, width = given[0], given[1], given[2], given[3]
    room = (windows - 1) * given[4] + (heads - 1) * given[5] + (positions - 1) * given[6] + width
    whole, bits = carray(block[1], room, np.float32), carray(block[1], room, np.int32)
    numbers = carray(block[2], (windows * heads, positions, width), np.int8)
    scales = carray(block[3], (windows * heads, width), np.float32)
    largest = np.empty(width, np.int32)
    first, after = share_of(windows * heads)
    for item in range(first, after):
        window = item // heads
        start = window * given[4] + (item - window * heads) * given[5]
        # 1. the largest of each channel; NaN is above all others
        largest[:] = 0
        for position in range(positions):
            row = bits[start + position * given[6] : start + position * given[6] + width]
            for c in range(width):
                largest[c] = max(largest[c], row[c] & MAGNITUDE)
        scale = scales[item]
        for c in range(width):
            scale[c] = max(np.int32(largest[c]).view(np.float32), _SMALLEST) / _LARGEST
        # 2. the nearest numbers
        for position in range(positions):
            real = whole[start + position * given[6] : start + position * given[6] + width]
            few = numbers[item, position]
            for c in range(width):
                few[c] = (real[c] / scale[c] + ROUND) - ROUND
