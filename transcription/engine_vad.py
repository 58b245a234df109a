"""Voice activity by the engine, where it has a device of its own.

A stretch of sound is judged as clips that overlap by the model's lead-in, on the same grid of
frames: what comes back differs from the CPU's figures by the end of the warm-up and by rounding.
"""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from decoding.errors import QueueFull
from decoding.types import CLIP_SAMPLES, FULL_SCALE, Clip, Decoded, Decoder, DecodingOptions
from decoding.voice_activity.silero_file import FRAME_SAMPLES
from transcription.silero import LEAD_IN_FRAMES, speech_probabilities
from transcription.types import VoiceActivityDetector

CLIP_FRAMES = CLIP_SAMPLES // FRAME_SAMPLES
ADVANCE_FRAMES = CLIP_FRAMES - LEAD_IN_FRAMES
ONLY_SPEECH = DecodingOptions(task="voice_activity")
assert ADVANCE_FRAMES > 0


def vad_of(decoder: Decoder, *, group: str, caller: str = "") -> VoiceActivityDetector:
    """The detector for the owner of `group`: the engine if it runs on a graphics processor.

    Not an engine on the CPU: it would take the same time from the windows that are decoded.
    """
    if decoder.model.device.startswith("cuda"):
        return EngineVad(decoder, group=group, caller=caller)
    return speech_probabilities


class EngineVad:
    """An `VoiceActivityDetector` on one engine. `group` is what cancels its clips; `caller` owns
    fairness."""

    def __init__(self, decoder: Decoder, *, group: str, caller: str = "") -> None:
        self._decoder = decoder
        self._group = group
        self._caller = caller

    def __call__(self, samples: NDArray[np.int16], *, gain: float = 1.0) -> NDArray[np.float32]:
        """Raises what the engine raises, but for a full queue: the CPU need not wait for that."""
        futures: list[Future[Decoded]] = []
        try:
            for clip in self._clips(samples, gain):
                futures.append(self._decoder.submit(clip, ONLY_SPEECH))
            answers = [future.result().speech_probabilities for future in futures]
        except QueueFull:
            return speech_probabilities(samples, gain=gain)
        finally:
            for future in futures:
                future.cancel()  # of no use where one of them failed
        warm = (found[LEAD_IN_FRAMES:] for found in answers[1:])
        return np.concatenate([np.array(found, np.float32) for found in (answers[0], *warm)])

    def _clips(self, samples: NDArray[np.int16], gain: float) -> list[Clip]:
        loud = samples.astype(np.float32) * np.float32(gain / FULL_SCALE)
        count = -(-len(samples) // FRAME_SAMPLES)
        starts = range(0, max(count - LEAD_IN_FRAMES, 1), ADVANCE_FRAMES)
        return [
            Clip(
                loud[first * FRAME_SAMPLES : (first + CLIP_FRAMES) * FRAME_SAMPLES],
                group=self._group,
                caller=self._caller,
            )
            for first in starts
        ]
