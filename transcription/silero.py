"""Silero's voice activity model on the CPU: a probability of speech for every 32 ms.

A test holds our figures against those of the `silero-vad` package.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.types import FULL_SCALE
from decoding.voice_activity.silero_file import FRAME_SAMPLES
from decoding.voice_activity.silero_numpy import silero_network

LEAD_IN_FRAMES = 320  # after so many it hardly matters where a cut was
LOUD_PERCENTILE = 99.0
LOUD_ENOUGH = FULL_SCALE * 10 ** (-12 / 20)  # of clear speech at a common level
MAX_GAIN = 1000.0


def speech_probabilities(samples: NDArray[np.int16], *, gain: float = 1.0) -> NDArray[np.float32]:
    """Probability of speech in each frame of 512 samples at 16 kHz, shape (ceil(n / 512),).

    The model starts from rest, so the first seconds of a cut are less sure than the rest.
    """
    return silero_network()(samples.astype(np.float32) * np.float32(gain / FULL_SCALE))


def gain_for(samples: NDArray[np.int16]) -> float:
    """How much louder the model must hear `samples`, at least 1.

    The model misses most of speech below -60 dB of full scale, which Whisper hears well. The
    measure is the loudest hundredth of the frames, so that a click does not hide quiet speech.
    """
    levels = levels_of(samples)
    if not len(levels):
        return 1.0
    loud = float(np.percentile(levels, LOUD_PERCENTILE))
    return min(max(LOUD_ENOUGH / max(loud, 1.0), 1.0), MAX_GAIN)


def levels_of(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Root mean square of each whole frame, shape (n // 512,)."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels: NDArray[np.float32] = np.sqrt(np.mean(np.square(frames, dtype=np.float32), axis=1))
    return levels
