"""Keys and values of the sound in 8 bits: half of what a step reads on CUDA, a quarter on the CPU.

Each of a head's channels has a scale in every window, by which its largest number is 127: queries
are multiplied by those of keys before, sums by those of values after, which takes no time beside
1,500 positions. With one scale a head the attention was 1.7 to 3.1 times as far off. Decides
nothing: who is read so is a matter of the model's loading.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import torch
from numba import carray
from torch import Tensor

from decoding.kernels.compiled import compiled
from decoding.kernels.float_bits import MAGNITUDE, ROUND
from decoding.kernels.openmp import share_of, shared_loop

LARGEST = 127
POSITIONS_TOGETHER = 60
"""A 25th of Whisper's 1,500. A part of so many, of 64 channels, is nearly a page, and read from one
end to the other."""
SMALLEST_SCALE = 1e-20  # of a channel that is silent


class Pairs(IntEnum):
    """Which of the numbers [n, d] of a head lie beside each other in memory.

    Two channels of `POSITIONS_TOGETHER`, part by part, [n / 60, d / 2, 60, 2], or two positions in
    all channels, [n / 2, d, 2]: so that products are added up in pairs, many sums at a time
    (decoding/kernels/dot_products.py). Or none, [n, d].
    """

    NONE = 0
    CHANNELS = 1
    POSITIONS = 2


@dataclass(frozen=True, slots=True, eq=False)
class EightBits:
    """`numbers` [.., n, d] of 8 bits, in memory as `pairs` says; times `scale` [.., d] they are
    what they stand for."""

    numbers: Tensor
    scale: Tensor
    pairs: Pairs = Pairs.NONE

    def whole(self, dtype: torch.dtype) -> Tensor:
        """What they stand for, [.., n, d]."""
        return (self.in_order().float() * self.scale[..., None, :]).to(dtype)

    def in_order(self) -> Tensor:
        """The numbers [.., n, d], each in its place."""
        *heads, count, width = self.numbers.shape
        if self.pairs is Pairs.NONE:
            return self.numbers
        if self.pairs is Pairs.CHANNELS:
            pairs = self.numbers.view(torch.int16)  # moved as one number each, which is quicker
            shape = (*heads, count // POSITIONS_TOGETHER, width // 2, POSITIONS_TOGETHER)
            moved = pairs.reshape(shape).transpose(-2, -1).contiguous()
            return moved.view(torch.int8).view(self.numbers.shape)
        pairs = self.numbers.reshape(*heads, count // 2, width, 2)
        return pairs.transpose(-1, -2).reshape(self.numbers.shape)


@dataclass(frozen=True, slots=True, eq=False)
class EightBitKeyValue:
    """Keys and values, each [w, heads, positions, width]."""

    keys: EightBits
    values: EightBits

    def whole(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """What they stand for."""
        return self.keys.whole(dtype), self.values.whole(dtype)


_CHANNELS, _POSITIONS = int(Pairs.CHANNELS), int(Pairs.POSITIONS)
_LARGEST = np.float32(LARGEST)
_SMALLEST = np.float32(SMALLEST_SCALE)


def to_eight_bits(whole: Tensor, pairs: Pairs = Pairs.NONE) -> EightBits:
    """The nearest numbers to `whole` [.., n, d], each at most half a scale from it.

    `pairs` only of float32 [w, heads, n, d] on the CPU, d even, n a multiple of 60; anything else
    raises ValueError.
    """
    is_simple = whole.device.type == "cpu" and whole.dtype == torch.float32 and whole.dim() == 4
    is_simple = is_simple and whole.stride(3) == 1
    fits = is_simple and whole.shape[2] % POSITIONS_TOGETHER == 0 and whole.shape[3] % 2 == 0
    if pairs is not Pairs.NONE and not fits:
        raise ValueError(f"no pairs of {whole.dtype} {tuple(whole.shape)} on {whole.device}")
    if is_simple:
        return _to_eight_bits_compiled(whole, pairs)
    exact = whole.float()
    scale = exact.abs().amax(-2).clamp_(min=SMALLEST_SCALE) / LARGEST
    return EightBits((exact / scale[..., None, :]).round_().to(torch.int8), scale)


def _to_eight_bits_compiled(whole: Tensor, pairs: Pairs) -> EightBits:
    """The same of [w, heads, n, d] with the same bits, in two passes where PyTorch needs seven."""
    numbers = torch.empty(whole.shape, dtype=torch.int8)
    scale = whole.new_empty(*whole.shape[:2], whole.shape[3])
    given = (*whole.shape, *whole.stride()[:3], pairs)
    _to_eight_bits(given, whole, numbers, scale, work=whole.numel())
    return EightBits(numbers, scale, pairs)


@compiled()
def _nearest(real: Any, scale: Any, few: Any) -> None:
    """The numbers `real` [d] in steps of `scale` [d], as int8 [d]."""
    for c in range(len(real)):
        few[c] = (real[c] / scale[c] + ROUND) - ROUND


@shared_loop()
def _to_eight_bits(block: Any) -> None:  # noqa: C901 - plain loops
    given = carray(block[0], 8, np.int64)
    windows, heads, positions, width = given[0], given[1], given[2], given[3]
    step, pairs = given[6], given[7]
    room = (windows - 1) * given[4] + (heads - 1) * given[5] + (positions - 1) * step + width
    whole, bits = carray(block[1], room, np.float32), carray(block[1], room, np.int32)
    numbers = carray(block[2], (windows * heads, positions * width), np.int8)
    scales = carray(block[3], (windows * heads, width), np.float32)
    largest = np.empty(width, np.int32)
    few, next_few = np.empty(width, np.int8), np.empty(width, np.int8)
    first, after = share_of(windows * heads)
    for item in range(first, after):
        window = item // heads
        start = window * given[4] + (item - window * heads) * given[5]
        # 1. the largest of each channel; NaN is above all others
        largest[:] = 0
        for position in range(positions):
            row = bits[start + position * step : start + position * step + width]
            for c in range(width):
                largest[c] = max(largest[c], row[c] & MAGNITUDE)
        scale = scales[item]
        for c in range(width):
            scale[c] = max(np.int32(largest[c]).view(np.float32), _SMALLEST) / _LARGEST
        # 2. the nearest numbers, where `Pairs` says
        made = numbers[item]
        if pairs == _POSITIONS:
            for position in range(0, positions, 2):
                at = start + position * step
                _nearest(whole[at : at + width], scale, few)
                _nearest(whole[at + step : at + step + width], scale, next_few)
                row_pair = made[position * width : (position + 2) * width]
                for c in range(width):
                    row_pair[2 * c], row_pair[2 * c + 1] = few[c], next_few[c]
        elif pairs == _CHANNELS:
            channels, made_pairs = few.view(np.int16), made.view(np.int16)
            for position in range(positions):
                at = start + position * step
                _nearest(whole[at : at + width], scale, few)
                part = position // POSITIONS_TOGETHER
                to = part * POSITIONS_TOGETHER * (width // 2 - 1) + position
                for c in range(width // 2):
                    made_pairs[to + c * POSITIONS_TOGETHER] = channels[c]
        else:
            for position in range(positions):
                at, to = start + position * step, position * width
                _nearest(whole[at : at + width], scale, made[to : to + width])
