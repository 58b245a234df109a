"""Synthetic speech for tests, made by espeak-ng through ctypes."""

from __future__ import annotations

import ctypes
from functools import lru_cache

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS
UTF8 = 1
RATE = 16_000
PARTS = [
    "The old harbour was quiet in the early morning, and the boats had not yet come back.",
    "She opened the window and looked at the garden, where the rain had stopped at last.",
    "Seven people were waiting at the station for a train that was already an hour late.",
    "Nobody knew why the lights went out, but everyone remembered the silence afterwards.",
]


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(
        SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0
    )
    library.espeak_SetVoiceByName(b"en-us")
    return library, rate


@lru_cache(maxsize=16)
def speak(text: str) -> NDArray[np.float32]:
    """Mono samples at 16 kHz of the text spoken."""
    library, rate = _library()
    blocks: list[bytes] = []
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
    )

    def take(samples, count, _events):
        if samples and count:
            blocks.append(ctypes.string_at(samples, count * 2))
        return 0

    callback = kind(take)
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)
    library.espeak_Synchronize()
    spoken = np.frombuffer(b"".join(blocks), np.int16).astype(np.float32) / 32768
    at = np.arange(0, len(spoken) - 1, rate / RATE)
    return np.interp(at, np.arange(len(spoken)), spoken).astype(np.float32)


@lru_cache(maxsize=8)
def window(first: int, count: int = 4) -> NDArray[np.float32]:
    """At most thirty seconds of speech: `count` sentences from the `first` on, with pauses."""
    pause = np.zeros(RATE // 2, np.float32)
    parts = [part for i in range(count) for part in (speak(PARTS[(first + i) % 4]), pause)]
    return np.concatenate(parts)[: 30 * RATE]
