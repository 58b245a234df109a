"""How many windows a device's memory holds, and memory that is read through again and again."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from decoding.model.dimensions import Dimensions
from decoding.model.loaded_model import LoadedModel

CPU_SLOTS = 8  # more do not decode faster on a processor; four take 3 % longer
MOST_SLOTS = 64
SHARE = 0.7  # of the free memory; the rest is for the encoder's and the search's scratch
TYPICAL_BEAMS = 5


def window_bytes(dims: Dimensions, item_bytes: int, audio_item_bytes: int | None = None) -> int:
    """Keys and values of one window with all its beams, half of the context used.

    `audio_item_bytes`: of a number of the sound's, as large as the others if None.
    """
    text_positions = dims.n_text_ctx // 2 * (1 + TYPICAL_BEAMS)
    audio = cross_attention_bytes(dims, audio_item_bytes or item_bytes)
    return _bytes(dims, text_positions, item_bytes) + audio


def cross_attention_bytes(dims: Dimensions, item_bytes: int) -> int:
    """Audio keys and values of one window."""
    return _bytes(dims, dims.n_audio_ctx, item_bytes)


def _bytes(dims: Dimensions, positions: int, item_bytes: int) -> int:
    return 2 * dims.n_text_layer * positions * dims.n_text_state * item_bytes


def slots_for(model: LoadedModel) -> int:
    """Window slots that memory holds; the engine halves them when it runs out after all."""
    if model.device.type != "cuda":
        return CPU_SLOTS
    free, _ = torch.cuda.mem_get_info(model.device)
    audio = 1 if model.has_eight_bit_audio else None
    window = window_bytes(model.dimensions, model.decoder.dtype.itemsize, audio)
    return min(MOST_SLOTS, max(1, int(free * SHARE) // window))


def lasting(like: Tensor, shape: tuple[int, ...], default: float) -> Tensor:
    """A tensor of `shape` full of `default`, of the type and on the device of another [..].

    On the CPU in memory of NumPy's, which asks Linux for large pages where it gives them: reading
    the keys and values of eight windows of the tiny size takes 2.6 ms instead of 3.1.
    """
    if like.device.type != "cpu" or 0 in shape:
        return like.new_full(shape, default)
    size = math.prod(shape) * like.itemsize
    if default == 0.0:  # which memory is before anybody writes there, and takes none till then
        return torch.from_numpy(np.zeros(size, np.uint8)).view(like.dtype).view(shape)
    return torch.from_numpy(np.empty(size, np.uint8)).view(like.dtype).view(shape).fill_(default)


def ran_out(error: BaseException) -> bool:
    """Whether memory ran out, of the device or of the machine."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError)


def free_gigabytes(device: str) -> float | None:
    """Free memory of a graphics processor; None of another device."""
    if not device.startswith("cuda"):
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free / 1e9


def used_bytes(device: torch.device) -> int:
    """Memory that tensors hold on the device; 0 on the CPU, where it is not counted."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def release_cached(device: torch.device) -> None:
    """Give cached blocks back after memory ran out."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
