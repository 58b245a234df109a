"""Silero's voice activity model on the CPU: a probability of speech for every 32 ms.

The model file of the `silero-vad` package is opened with onnxruntime. The package itself is not
imported (decoding/voice_activity/silero_file.py says why); a test holds our figures against the
package's own.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.types import FULL_SCALE
from decoding.voice_activity.silero_file import CONTEXT_SAMPLES, FRAME_SAMPLES, model_file

NO_REPORTS = "ORT_DISABLE_TELEMETRY"
LEAD_IN_FRAMES = 320  # after so many it hardly matters where a cut was
STATE_SHAPE = (1, 1, 128)
FRAMES_PER_CALL = 512
LOUD_PERCENTILE = 99.0
LOUD_ENOUGH = FULL_SCALE * 10 ** (-12 / 20)  # of clear speech at a common level
MAX_GAIN = 1000.0


def speech_probabilities(samples: NDArray[np.int16], *, gain: float = 1.0) -> NDArray[np.float32]:
    """Probability of speech in each frame of 512 samples at 16 kHz, shape (ceil(n / 512),).

    The model starts from rest, so the first seconds of a cut are less sure than the rest.
    """
    count = -(-len(samples) // FRAME_SAMPLES)
    padded = np.zeros(CONTEXT_SAMPLES + count * FRAME_SAMPLES, dtype=np.float32)
    padded[CONTEXT_SAMPLES : CONTEXT_SAMPLES + len(samples)] = samples
    padded *= gain / FULL_SCALE
    if count == 0:
        return np.zeros(0, dtype=np.float32)
    width = CONTEXT_SAMPLES + FRAME_SAMPLES
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::FRAME_SAMPLES]
    hidden = cell = np.zeros(STATE_SHAPE, dtype=np.float32)
    found = []
    for first in range(0, count, FRAMES_PER_CALL):
        block = np.ascontiguousarray(frames[first : first + FRAMES_PER_CALL])
        probabilities, hidden, cell = _session().run(
            ["speech_probs", "hn", "cn"], {"input": block, "h": hidden, "c": cell}
        )
        found.append(probabilities.reshape(-1))
    return np.concatenate(found)


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


@functools.cache
def _session() -> Any:
    """One session for all threads: it keeps nothing between calls.

    Since 1.29 onnxruntime reports its sessions to its maker by default, also on Linux, with an
    identity that it keeps in the home folder. The variable is heeded before the first import only.
    """
    os.environ[NO_REPORTS] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(model_file()), sess_options=options, providers=["CPUExecutionProvider"]
    )
