"""How many windows a device's memory holds.

The CUDA side has not been run yet: no such device was at hand when it was written.
"""

from __future__ import annotations

import torch

from decoding.dimensions import Dimensions
from decoding.model import LoadedModel

CPU_SLOTS = 8  # more do not decode faster on a processor
MOST_SLOTS = 64
SHARE = 0.7  # of the free memory; the rest is for the encoder's and the search's scratch
TYPICAL_BEAMS = 5


def window_bytes(dims: Dimensions, item_bytes: int) -> int:
    """Keys and values of one window with all its beams, half of the context used."""
    text_positions = dims.n_text_ctx // 2 * (1 + TYPICAL_BEAMS)
    positions = dims.n_audio_ctx + text_positions
    return 2 * dims.n_text_layer * positions * dims.n_text_state * item_bytes


def slots_for(model: LoadedModel) -> int:
    """Window slots to start with; the engine halves them when memory runs out after all."""
    if model.device.type != "cuda":
        return CPU_SLOTS
    free, _ = torch.cuda.mem_get_info(model.device)
    each = window_bytes(model.dimensions, model.decoder.dtype.itemsize)
    return max(1, min(MOST_SLOTS, int(free * SHARE) // each))


def used_bytes(device: torch.device) -> int:
    """Memory that tensors hold on the device; 0 on the CPU, where it is not counted."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def release(device: torch.device) -> None:
    """Give cached blocks back after memory ran out."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def admitted_at_once(device: torch.device) -> int:
    """Windows encoded between two steps: one on the CPU, so that nobody's cancel waits for many."""
    return 16 if device.type == "cuda" else 1
