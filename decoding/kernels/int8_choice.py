"""By which routine a processor multiplies weights of 8 bits.

Without VNNI instructions weights have 7 bits: the older ones add two products in 16 bits, which
then cannot overflow. A clock is asked about one thing, whether a library's tiles are quick here,
and no word depends on it: what it decides between gives the same bits.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from decoding.kernels.dot_products import MULTIPLIES_QUADS
from decoding.kernels.int8_rows import LARGEST
from decoding.kernels.int8_weights import WEIGHTS, Routine, Weight

LARGEST_WITHOUT_VNNI = 64  # of a weight: 2 x 255 x 64 is still a 16-bit number
X86 = ("x86_64", "AMD64")
PACKED_BYTES = 1_000_000  # weights from this size do not stay in the cache between two tokens
SLOWER_THAN_ANY_NOISE = 20
MOST_WEIGHTS = 1_500_000  # of larger ones, calls are a small part of a step, and two take memory
MOST_PAIRED_ROWS = 10
MOST_ROWS_BESIDE_TILES = 40  # eight windows' beams; tiles win from a hundred rows on

HELD_TO = "ONEDNN_MAX_CPU_ISA"
NOT_HELD = ("", "ALL", "DEFAULT")
"""https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html"""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a weight is stored: its largest whole number, and by which routine it is multiplied."""

    largest: int
    routine: Routine


def kind_for(weight: Tensor) -> Kind:
    """The quickest way for a weight [out, in] that is exact on this processor."""
    if not hasattr(torch.ops.quantized, "linear_prepack"):
        return Kind(LARGEST, Routine.PLAIN)
    if has_tiles():
        return Kind(LARGEST, Routine.TILED)
    if multiplies_quads():
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
    if multiplies_quads():
        return FewRows(Routine.QUADS, MOST_ROWS_BESIDE_TILES)
    return FewRows(Routine.PAIRS, MOST_PAIRED_ROWS) if weight.shape[1] % 2 == 0 else None


def multiplies_quads() -> bool:
    """Whether loops of our own may multiply bytes in fours."""
    return has_vnni() and MULTIPLIES_QUADS


@cache
def has_vnni() -> bool:
    """Whether the processor adds products of bytes in 32 bits, and is let do so: oneDNN can be told
    to use older instructions, and our own loops then do without these (what else they may use,
    NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say).
    """
    is_there = bool(getattr(torch.cpu, "_is_vnni_supported", lambda: False)())
    return is_there and adds_in_32_bits()


def has_tile_instructions() -> bool:
    """Whether the processor multiplies tiles (AMX), the system permits it, and oneDNN is let do so.
    Asks no clock."""
    is_there = bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
    held = os.environ.get(HELD_TO, "").upper()
    is_let = held in NOT_HELD or "AMX" in held
    return is_there and is_let and bool(getattr(torch.cpu, "_init_amx", lambda: True)())


@cache
def has_tiles() -> bool:
    """Whether products of bytes are to be multiplied in tiles, by oneDNN."""
    has_routine = hasattr(torch.ops.onednn, "qlinear_pointwise")
    return has_tile_instructions() and has_routine and has_vnni() and multiplies_tiles()


def multiplies_tiles() -> bool:
    """Whether oneDNN's product of signed bytes is quick. Where the system does not let it use
    tiles it is a loop that takes a thousand times as long as the plain one."""
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
