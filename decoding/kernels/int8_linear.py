"""Linear layers with 8-bit weights for the CPU.

Weights have one scale for each output, activations one for each row, found as it comes: a row's
result does not depend on the rows beside it, and products of whole numbers are exact, so that a
window alone and in any batch gives the same bits. Without VNNI instructions weights have 7 bits:
the older ones add two products in 16 bits, which then cannot overflow.
"""

from __future__ import annotations

import platform
import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from decoding.kernels.int8_rows import LARGEST, SMALLEST_SCALE, dequantise_rows, quantise_rows

LARGEST_WITHOUT_VNNI = 64  # of a weight: 2 x 255 x 64 is still a 16-bit number
ROWS_AT_ONCE = 250  # what is written between two products stays in the core's own cache
X86 = ("x86_64", "AMD64")
PACKED_BYTES = 1_000_000  # weights from this size do not stay in the cache between two tokens


@dataclass(frozen=True, slots=True)
class Kind:
    """How a weight is stored: its largest whole number, and by which routine it is multiplied."""

    largest: int
    is_packed: bool


class Int8Linear:
    """x [..., in] -> [..., out] in x's type, with weights kept as int8."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        whole = weight.float()
        kind = kind_for(whole)
        scale = scale_of(whole, kind.largest)
        product = PackedProduct if kind.is_packed else Product
        self._product = product(quantise(whole, scale).to(torch.int8), scale[:, 0])
        self._bias = torch.zeros(len(whole)) if bias is None else bias.float().contiguous()
        self._outputs, self._inputs = whole.shape

    def __call__(self, x: Tensor) -> Tensor:
        """A step has so many of these that each call around the product counts."""
        whole = x.float()
        result = whole.new_empty(*x.shape[:-1], self._outputs)
        if whole.numel() <= ROWS_AT_ONCE * self._inputs:
            self._multiply(whole, result)
        else:
            rows, results = whole.reshape(-1, self._inputs), result.view(-1, self._outputs)
            for at in range(0, len(rows), ROWS_AT_ONCE):
                self._multiply(rows[at : at + ROWS_AT_ONCE], results[at : at + ROWS_AT_ONCE])
        return result if x.dtype == result.dtype else result.to(x.dtype)

    def _multiply(self, rows: Tensor, result: Tensor) -> None:
        steps, scales = quantise_rows(rows)
        dequantise_rows(self._product(steps), scales, self._bias, result)


class Product:
    """Whole numbers [n + 1, in], as `quantise_rows` gives them, times weights [out, in] -> [n, out]
    float32: quick for small weights."""

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self._weight = weight.t()  # [in, out], not moved in memory
        self._scale = scale

    def __call__(self, steps: Tensor) -> Tensor:
        rows = steps[:-1].to(torch.int8)
        return torch._int_mm(rows, self._weight).float().mul_(self._scale)


class PackedProduct:
    """The same numbers from weights that are laid out for being read once: the vocabulary's.

    The routine finds a scale and an offset for all rows from their least and greatest numbers. The
    row with both ends of the range, below, makes them 1 and 128 always: nothing is lost. What is
    made of that row is left below the result: [n + 1, in] -> [n + 1, out].
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        with warnings.catch_warnings():  # it is to be replaced in PyTorch; until then it is ours
            warnings.simplefilter("ignore", UserWarning)
            offsets = torch.zeros(len(scale), dtype=torch.int64)
            whole = torch._make_per_channel_quantized_tensor(weight, scale, offsets, 0)
            self._packed: Any = torch.ops.quantized.linear_prepack(whole, None)
        self._multiply: Any = torch.ops.quantized.linear_dynamic.default

    def __call__(self, steps: Tensor) -> Tensor:
        product: Tensor = self._multiply(steps, self._packed, False)
        return product


def scale_of(rows: Tensor, largest: int = LARGEST) -> Tensor:
    """rows [n, in] -> [n, 1]: what one step of the whole numbers is worth in each row."""
    return rows.abs().amax(1, keepdim=True).mul_(1.0 / largest).clamp_min_(SMALLEST_SCALE)


def quantise(rows: Tensor, scale: Tensor) -> Tensor:
    """rows [n, in] in steps of their scale [n, 1]: whole numbers, still as float32."""
    return (rows / scale).round_()


def kind_for(weight: Tensor) -> Kind:
    """The quickest way for a weight [out, in] that is exact on this processor."""
    if not hasattr(torch.ops.quantized, "linear_prepack"):
        return Kind(LARGEST, is_packed=False)
    if has_vnni():
        return Kind(LARGEST, is_packed=weight.numel() >= PACKED_BYTES)
    is_packed = platform.machine() in X86  # there the plain routine has no instructions of its own
    return Kind(LARGEST_WITHOUT_VNNI if is_packed else LARGEST, is_packed)


@cache
def has_vnni() -> bool:
    """Whether the processor adds products of bytes in 32 bits, in vectors of 512, and is let do so:
    oneDNN can be told to use older instructions.
    """
    is_there = bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())
    return is_there and adds_in_32_bits()


def adds_in_32_bits() -> bool:
    """Whether the plain product of bytes is right at the ends of their range."""
    rows = torch.full((16, 64), LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(rows, rows.t()[:, :16]) == 64 * LARGEST**2).all())
