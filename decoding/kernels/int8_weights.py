"""Weights of 8 bits, each as one routine multiplies it: a library's, or our own.

Products of whole numbers are exact, so that all of them give a row the same bits, as long as its
numbers are finite; which one is taken is a matter of speed (decoding/kernels/int8_choice.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from decoding.kernels.int8_pairs import PairsWeight
from decoding.kernels.int8_quads import QuadsWeight
from decoding.kernels.int8_rows import dequantise_rows, quantise_rows, quantise_rows_to_bytes


class Routine(Enum):
    """By what the whole numbers are multiplied: the sums are the same."""

    PLAIN = "plain"
    PACKED = "packed"
    TILED = "tiled"
    PAIRS = "pairs"
    QUADS = "quads"


class Weight(Protocol):
    """Whole numbers [out, in] of 8 bits that times a scale [out] are a layer's weight, and its bias
    [out]."""

    def multiply(self, rows: Tensor, result: Tensor) -> None:
        """result [.., out] = float32 rows [.., in], in steps of their scales, by the weight, and
        the bias added."""


class PlainWeight:
    """A `Weight` as it is, [out, in]: quick where it is small."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        self._weight = weight.t()  # [in, out], not moved in memory
        self._scale, self._bias = scale, bias

    def multiply(self, rows: Tensor, result: Tensor) -> None:
        """Rows [.., in] -> result [.., out], as `Weight` says."""
        steps, scales = quantise_rows_to_bytes(rows)
        products = torch._int_mm(steps, self._weight).float().mul_(self._scale)
        dequantise_rows(products, scales, self._bias, result)


class PackedWeight:
    """A `Weight` that is laid out for being read once, as the vocabulary's are.

    The routine finds a scale and an offset for all rows from their least and greatest numbers. The
    row with both ends of the range, below, makes them 1 and 128 always: nothing is lost. What is
    made of that row is left below the products, which are [n + 1, out].
    """

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        with warnings.catch_warnings():  # it is to be replaced in PyTorch; until then it is ours
            warnings.simplefilter("ignore", UserWarning)
            offsets = torch.zeros(len(scale), dtype=torch.int64)
            whole = torch._make_per_channel_quantized_tensor(weight, scale, offsets, 0)
            self._packed: Any = torch.ops.quantized.linear_prepack(whole, None)
        self._bias = bias
        self._multiply: Any = torch.ops.quantized.linear_dynamic.default

    def multiply(self, rows: Tensor, result: Tensor) -> None:
        """Rows [.., in] -> result [.., out], as `Weight` says."""
        steps, scales = quantise_rows(rows)
        dequantise_rows(self._multiply(steps, self._packed, False), scales, self._bias, result)


class TiledWeight:
    """A `Weight` laid out for a processor that multiplies tiles of signed bytes (AMX), by oneDNN:
    up to three times as quick there as the others."""

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor) -> None:
        self._packed = torch.ops.onednn.qlinear_prepack(weight, None)
        self._scale, self._bias = scale, bias
        self._offsets = torch.zeros(len(scale), dtype=torch.int32)
        self._multiply: Any = torch.ops.onednn.qlinear_pointwise.default

    def multiply(self, rows: Tensor, result: Tensor) -> None:
        """Rows [.., in] -> result [.., out], as `Weight` says."""
        steps, scales = quantise_rows_to_bytes(rows)
        # a step is worth one and zero is zero; no bias, the sums in weights' steps, nothing after
        products = self._multiply(
            *(steps, 1.0, 0),
            *(self._packed, self._scale, self._offsets, None),
            *(1.0, 0, torch.float32, "none", [], ""),
        )
        dequantise_rows(products, scales, self._bias, result)


WEIGHTS: Final[dict[Routine, Callable[[Tensor, Tensor, Tensor], Weight]]] = {
    Routine.PLAIN: PlainWeight,
    Routine.PACKED: PackedWeight,
    Routine.TILED: TiledWeight,
    Routine.PAIRS: PairsWeight,
    Routine.QUADS: QuadsWeight,
}
