"""Linear layers with 8-bit weights for the CPU.

Weights have one scale for each output, activations one for each row, found as it comes: a row's
result does not depend on the rows beside it, and products of whole numbers are exact, so that a
window alone and in any batch gives the same bits. Speeds up processors with VNNI instructions.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

LARGEST = 127  # symmetric: -128 is not used
SMALLEST_SCALE = 1e-12  # of a row of zeros
ROWS_AT_ONCE = 250  # what is written between two products stays in the core's own cache
PACKED_BYTES = 1_000_000  # weights from this size do not stay in the cache between two tokens


class QuantisedLinear:
    """x [..., in] -> [..., out] in x's type, with weights kept as int8."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        whole = weight.float()
        scale = scale_of(whole)
        product = PackedProduct if _is_packed(whole) else Product
        self._product = product(quantise(whole, scale).to(torch.int8), scale[:, 0])
        self._outputs = len(whole)
        self._bias = None if bias is None else bias.float()

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= ROWS_AT_ONCE:
            result = self._multiply(rows)
        else:
            result = rows.new_empty(len(rows), self._outputs)
            for at in range(0, len(rows), ROWS_AT_ONCE):
                result[at : at + ROWS_AT_ONCE] = self._multiply(rows[at : at + ROWS_AT_ONCE])
        return result.view(*x.shape[:-1], -1)

    def _multiply(self, rows: Tensor) -> Tensor:
        wide = rows.float()
        scale = scale_of(wide)
        product = self._product(quantise(wide, scale))
        if self._bias is None:
            product.mul_(scale)
        else:
            torch.addcmul(self._bias, product, scale, out=product)
        return product.to(rows.dtype)


class Product:
    """Whole numbers, as float32, times weights: the plain routine, quick for small weights."""

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        self._weight = weight.t()  # [in, out], not moved in memory
        self._scale = scale

    def __call__(self, rows: Tensor) -> Tensor:
        return torch._int_mm(rows.to(torch.int8), self._weight).float().mul_(self._scale)


class PackedProduct:
    """The same numbers from weights that are laid out for being read once: the vocabulary's.

    The routine finds a scale and an offset for all rows from their least and greatest numbers. A
    row with both ends of the range, put below, makes them 1 and 128 always: nothing is lost.
    """

    def __init__(self, weight: Tensor, scale: Tensor) -> None:
        with warnings.catch_warnings():  # it is to be replaced in PyTorch; until then it is ours
            warnings.simplefilter("ignore", UserWarning)
            offsets = torch.zeros(len(scale), dtype=torch.int64)
            whole = torch._make_per_channel_quantized_tensor(weight, scale, offsets, 0)
            self._packed: Any = torch.ops.quantized.linear_prepack(whole, None)
        self._ends = torch.zeros(1, weight.shape[1])
        self._ends[0, 0], self._ends[0, 1] = LARGEST, -LARGEST - 1

    def __call__(self, rows: Tensor) -> Tensor:
        framed = torch.cat([rows, self._ends])
        product: Tensor = torch.ops.quantized.linear_dynamic(framed, self._packed, False)
        return product[:-1]


def scale_of(rows: Tensor) -> Tensor:
    """[n, 1]: what one step of the eight bits is worth in each row."""
    return rows.abs().amax(1, keepdim=True).mul_(1.0 / LARGEST).clamp_min_(SMALLEST_SCALE)


def quantise(rows: Tensor, scale: Tensor) -> Tensor:
    """Rows in steps of their scale: whole numbers, still as float32."""
    return (rows / scale).round_()


def _is_packed(weight: Tensor) -> bool:
    """Whether the packed routine is the quicker one, and is right on this processor.

    Without VNNI its sums of two products may overflow.
    """
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", lambda: False)()
    is_there = hasattr(torch.ops.quantized, "linear_prepack")
    return weight.numel() >= PACKED_BYTES and has_vnni and is_there
