"""How many windows a device's memory holds.

The CUDA side has not been run yet: no such device was at hand when it was written.
"""

from __future__ import annotations

import torch

from decoding.dimensions import Dimensions
from decoding.grouping import grouping_for
from decoding.model import LoadedModel

CPU_SLOTS = 8  # more do not decode faster on a processor
MOST_SLOTS = 64
SHARE = 0.7  # of the free memory; the rest is for the encoder's and the search's scratch
TYPICAL_BEAMS = 5


def window_bytes(dims: Dimensions, item_bytes: int) -> int:
    """Keys and values of one window with all its beams, half of the context used."""
    text_positions = dims.n_text_ctx // 2 * (1 + TYPICAL_BEAMS)
    return _bytes(dims, text_positions, item_bytes) + heard_bytes(dims, item_bytes)


def heard_bytes(dims: Dimensions, item_bytes: int) -> int:
    """Audio keys and values of one window."""
    return _bytes(dims, dims.n_audio_ctx, item_bytes)


def _bytes(dims: Dimensions, positions: int, item_bytes: int) -> int:
    return 2 * dims.n_text_layer * positions * dims.n_text_state * item_bytes


def slots_within(memory: int, window: int, heard: int, on_their_way: int) -> int:
    """Slots of `window` bytes, while up to `on_their_way` windows of `heard` bytes wait for one.

    No more wait than there are slots.
    """
    few = min(on_their_way, memory // (window + heard))
    many = (memory - on_their_way * heard) // window
    return max(1, few, many)


def slots_for(model: LoadedModel) -> int:
    """Window slots to start with; the engine halves them when memory runs out after all."""
    if model.device.type != "cuda":
        return CPU_SLOTS
    free, _ = torch.cuda.mem_get_info(model.device)
    dims, item_bytes = model.dimensions, model.decoder.dtype.itemsize
    window, heard = window_bytes(dims, item_bytes), heard_bytes(dims, item_bytes)
    on_their_way = grouping_for(model.device).heard
    return min(MOST_SLOTS, slots_within(int(free * SHARE), window, heard, on_their_way))


def used_bytes(device: torch.device) -> int:
    """Memory that tensors hold on the device; 0 on the CPU, where it is not counted."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def release(device: torch.device) -> None:
    """Give cached blocks back after memory ran out."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
