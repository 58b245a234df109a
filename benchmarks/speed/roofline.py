"""The least time that a window can take on a device: bytes over bandwidth, operations over rate.

Counts what must be moved and multiplied at 16 bits with beams that share a window's audio keys and
values; knows nothing of kernels or latencies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

BYTES: Final = 2  # of a weight, key or value
LOGIT_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Device:
    """Attainable bytes and 16-bit operations per second."""

    bandwidth: float
    operations: float


DEVICES: Final = {
    "H200": Device(4.3e12, 790e12),
    "H100": Device(3.0e12, 700e12),
    "A100": Device(1.7e12, 270e12),
}


@dataclass(frozen=True, slots=True)
class Load:
    """What is decoded: windows at once, beams each, tokens of a window."""

    windows: int
    beams: int
    tokens: int


def device_named(name: str) -> Device | None:
    """The card whose name occurs in `name`, None for one that is not known here."""
    return next((device for key, device in DEVICES.items() if key in name), None)


def encoder_operations(dims: Mapping[str, int]) -> float:
    """Of one window, with the keys and values of the cross-attention."""
    frames, size = dims["n_audio_ctx"], dims["n_audio_state"]
    convolutions = 2 * 3 * size * frames * (2 * dims["n_mels"] + size)
    layer = 2 * 12 * size**2 * frames + 4 * frames**2 * size
    listening = dims["n_text_layer"] * 2 * 2 * size**2 * frames
    return float(convolutions + dims["n_audio_layer"] * layer + listening)


def step_bytes(dims: Mapping[str, int], load: Load) -> float:
    """Read and written for one token of every beam of every window."""
    size, layers = dims["n_text_state"], dims["n_text_layer"]
    weights = (14 * size**2 * layers + dims["n_vocab"] * size) * BYTES
    audio = load.windows * layers * 2 * dims["n_audio_ctx"] * size * BYTES
    rows = load.windows * load.beams
    text = rows * layers * 2 * (load.tokens / 2) * size * BYTES
    logits = rows * dims["n_vocab"] * LOGIT_BYTES * 2  # written, then read
    return float(weights + audio + text + logits)


def step_operations(dims: Mapping[str, int], load: Load) -> float:
    size = dims["n_text_state"]
    weights = 14 * size**2 * dims["n_text_layer"] + dims["n_vocab"] * size
    return float(2 * weights * load.windows * load.beams)


def seconds_per_window(dims: Mapping[str, int], load: Load, device: Device) -> float:
    """The floor: the encoder's operations, then `tokens` steps shared by the windows."""
    step = max(
        step_bytes(dims, load) / device.bandwidth,
        step_operations(dims, load) / device.operations,
    )
    return encoder_operations(dims) / device.operations + load.tokens * step / load.windows
