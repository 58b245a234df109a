"""Linear layers with 8-bit weights for the CPU.

Weights have one scale for each output, activations one for each row, found as it comes: a row's
result does not depend on the rows beside it, and products of whole numbers are exact, so that a
window alone and in any batch gives the same bits. Without VNNI instructions weights have 7 bits:
the older ones add two products in 16 bits, which then cannot overflow.
"""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_pairs import PairsWeight
from decoding.kernels.int8_quads import QuadsWeight
from decoding.kernels.int8_rows import (
    LARGEST,
    SMALLEST_SCALE,
    dequantise_rows,
    quantise_rows,
    quantise_rows_to_bytes,
)

LARGEST_WITHOUT_VNNI = 64  # of a weight: 2 x 255 x 64 is still a 16-bit number
ROWS_AT_ONCE = 250  # what is written between two products stays in the core's own cache
X86 = ("x86_64", "AMD64")
PACKED_BYTES = 1_000_000  # weights from this size do not stay in the cache between two tokens
SLOWER_THAN_ANY_NOISE = 20
MOST_WEIGHTS = 1_500_000  # of larger ones, calls are a small part of a step, and two take memory
MOST_PAIRED_ROWS = 10
MOST_ROWS_BESIDE_TILES = 40


class Routine(Enum):
    """By what the whole numbers are multiplied: the sums are the same."""

    PLAIN = "plain"
    PACKED = "packed"
    TILED = "tiled"
    PAIRS = "pairs"
    QUADS = "quads"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a weight is stored: its largest whole number, and by which routine it is multiplied."""

    largest: int
    routine: Routine


class Int8Linear:
    """x [..., in] -> [..., out] in x's type, with weights kept as int8.

    `takes_few_rows`: small weights are kept a second time for steps of a few rows, if that pays.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, *, takes_few_rows: bool = False
    ) -> None:
        whole = weight.float()
        kind = kind_for(whole)
        scale = scale_of(whole, kind.largest)
        added = torch.zeros(len(whole)) if bias is None else bias.float().contiguous()
        given = quantise(whole, scale).to(torch.int8), scale[:, 0].contiguous(), added
        self._outputs, self._inputs = whole.shape
        self._weight = WEIGHTS[kind.routine](*given)
        beside = few_rows_beside(kind.routine, whole) if takes_few_rows else None
        self._for_few_rows = None if beside is None else WEIGHTS[beside.routine](*given)
        self._few = 0 if beside is None else beside.most_rows * self._inputs

    def __call__(self, x: Tensor) -> Tensor:
        """A step has so many of these that each call around the product counts."""
        whole = x.float()
        result = whole.new_empty(*x.shape[:-1], self._outputs)
        if self._for_few_rows is not None and whole.numel() <= self._few:
            self._for_few_rows.multiply(whole, result)
        elif whole.numel() <= ROWS_AT_ONCE * self._inputs:
            self._weight.multiply(whole, result)
        else:
            rows, results = whole.reshape(-1, self._inputs), result.view(-1, self._outputs)
            for at in range(0, len(rows), ROWS_AT_ONCE):
                some = slice(at, at + ROWS_AT_ONCE)
                self._weight.multiply(rows[some], results[some])
        return result if x.dtype == result.dtype else result.to(x.dtype)


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


def scale_of(rows: Tensor, largest: int = LARGEST) -> Tensor:
    """rows [n, in] -> [n, 1]: what one step of the whole numbers is worth in each row."""
    return rows.abs().amax(1, keepdim=True).mul_(1.0 / largest).clamp_min_(SMALLEST_SCALE)


def quantise(rows: Tensor, scale: Tensor) -> Tensor:
    """rows [n, in] in steps of their scale [n, 1]: whole numbers, still as float32."""
    return (rows / scale).round_()


def kind_for(weight: Tensor) -> Kind:
    """The quickest way for a weight [out, in] that is exact on this processor."""
    if not hasattr(torch.ops.quantized, "linear_prepack"):
        return Kind(LARGEST, Routine.PLAIN)
    if has_tiles():
        return Kind(LARGEST, Routine.TILED)
    if takes_quads():
        return Kind(LARGEST, Routine.QUADS)
    if has_vnni():
        is_large = weight.numel() >= PACKED_BYTES
        return Kind(LARGEST, Routine.PACKED if is_large else Routine.PLAIN)
    if platform.machine() in X86:  # there the plain routine has no instructions of its own
        return Kind(LARGEST_WITHOUT_VNNI, Routine.PACKED)
    return Kind(LARGEST, Routine.PLAIN)


@dataclass(frozen=True, slots=True)
class FewRows:
    """By which routine up to `most_rows` rows are multiplied more quickly than by the usual one."""

    routine: Routine
    most_rows: int


def few_rows_beside(routine: Routine, weight: Tensor) -> FewRows | None:
    """For a few rows by a weight [out, in], the routine to be kept beside its own."""
    if routine is Routine.QUADS or weight.numel() > MOST_WEIGHTS:
        return None
    if has_vnni() and MULTIPLIES_QUADS:
        return FewRows(Routine.QUADS, MOST_ROWS_BESIDE_TILES)
    return FewRows(Routine.PAIRS, MOST_PAIRED_ROWS) if weight.shape[1] % 2 == 0 else None


def takes_quads() -> bool:
    """Whether bytes are multiplied by loops of our own, in fours, and not by a library."""
    return has_vnni() and MULTIPLIES_QUADS and not has_tiles()


@cache
def has_vnni() -> bool:
    """Whether the processor adds products of bytes in 32 bits, in vectors of 512, and is let do so:
    oneDNN can be told to use older instructions.
    """
    is_there = bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())
    return is_there and adds_in_32_bits()


@cache
def has_tiles() -> bool:
    """Whether the processor multiplies tiles of bytes (AMX), and oneDNN is let do so."""
    is_there = bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    has_routine = hasattr(torch.ops.onednn, "qlinear_pointwise")
    return is_there and has_routine and has_vnni() and multiplies_tiles()


def multiplies_tiles() -> bool:
    """Whether oneDNN's product of signed bytes is quick. Held to older instructions it is a loop
    that takes a thousand times as long as the plain one; its numbers are the same, so that no word
    depends on this clock."""
    rows, weight = torch.ones(16, 512), torch.ones(512, 512, dtype=torch.int8)
    plain, tiled = (
        _seconds(WEIGHTS[one](weight, torch.ones(512), torch.zeros(512)), rows)
        for one in (Routine.PLAIN, Routine.TILED)
    )
    return tiled < SLOWER_THAN_ANY_NOISE * plain


def _seconds(weight: Weight, rows: Tensor) -> float:
    """The least of a few, after one that loads what it needs."""
    result = torch.empty_like(rows)
    weight.multiply(rows, result)
    found = []
    for _ in range(3):
        start = time.perf_counter()
        weight.multiply(rows, result)
        found.append(time.perf_counter() - start)
    return min(found)


def adds_in_32_bits() -> bool:
    """Whether the plain product of bytes is right at the ends of their range."""
    rows = torch.full((16, 64), LARGEST, dtype=torch.int8)
    return bool((torch._int_mm(rows, rows.t()[:, :16]) == 64 * LARGEST**2).all())
