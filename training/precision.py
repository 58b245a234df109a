"""In which numbers training computes: bfloat16 where the device is quick at it, else single.

A processor without instructions for bfloat16 emulates it, thirty times slower than float32.
"""

from __future__ import annotations

import torch


def autocast(device: torch.device) -> torch.autocast:
    """The context in which losses are computed on `device`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=is_quick_at_bfloat16(device))


def is_quick_at_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies matrices of bfloat16 by itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
