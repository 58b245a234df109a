"""Keys and values of the sound in 8 bits: half of what a step reads on CUDA, a quarter on the CPU.

Each of a head's channels has a scale in every window, by which its largest number is 127: queries
are multiplied by those of keys before, sums by those of values after, which takes no time beside
1,500 positions. With one scale a head the attention was 1.7 to 3.1 times as far off. Decides
nothing: who is read so is a matter of the model's loading.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST = 127
SMALLEST_SCALE = 1e-20  # of a channel that is silent


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
    exact = whole.float()
    scale = exact.abs().amax(-2).clamp_(min=SMALLEST_SCALE) / LARGEST
    return EightBits((exact / scale[..., None, :]).round_().to(torch.int8), scale)
