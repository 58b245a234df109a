"""Which precision a model is computed in, and what `auto` means on a device.

On a card half precision. On a processor 8-bit weights where its instructions multiply them quicker
and the model is no smaller than `base`; single precision elsewhere. The choice follows from
processor and model alone, never from a clock: the same recording has the same transcript tomorrow.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

import torch

from decoding.kernels.int8_choice import X86, has_tiles, has_vnni
from decoding.model.layers import PRECISIONS, Precision

LEAST_QUANTISED = 60_000_000
"""Parameters from which `auto` may take 8-bit weights: `base` has 74 million, `tiny` 39. What they
cost in words: benchmarks/results/2026-11-28-precision.md."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A precision by its name, and why."""

    name: str
    reason: str


def resolve(name: str, device: str, parameters: int) -> Precision:
    """The precision called `name`; raises ValueError for what is not to be had on `device`."""
    if name == "auto":
        name = choose(device, parameters).name
    if name not in PRECISIONS:
        raise ValueError(f"precision must be auto or one of {', '.join(PRECISIONS)}, got {name!r}")
    if PRECISIONS[name].is_quantised and device != "cpu":
        raise ValueError(f"precision {name} is for the CPU, not for {device}; take fp16 there")
    return PRECISIONS[name]


def choose(device: str, parameters: int) -> Choice:
    """What `auto` takes for a model of so many parameters."""
    if device != "cpu":
        return Choice("fp16", "a card multiplies half precision")
    if not multiplies_bytes():
        return Choice("fp32", "this processor has no quick products of bytes")
    if parameters < LEAST_QUANTISED:
        return Choice("fp32", "a model smaller than base keeps single precision")
    instructions = "AMX" if has_tiles() else "VNNI" if has_vnni() else "AVX2"
    return Choice("int8", f"this processor multiplies bytes with {instructions}")


def multiplies_bytes() -> bool:
    """Whether products of bytes are quicker here than those of single precision."""
    has_vectors = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    is_built = hasattr(torch.ops.quantized, "linear_prepack")
    return platform.machine() in X86 and has_vectors and is_built
