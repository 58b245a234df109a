"""Two channels become one: their mean, or the louder one where they cancel each other out.

A microphone wired the wrong way round gives a channel that is the other's opposite; their mean is
silence, and a transcript of it is empty. More channels than two are mixed by ffmpeg.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE

SEGMENT = SAMPLE_RATE // 2  # samples that are judged together
STRIDE = 4  # every fourth sample tells how loud a segment is
FAR_QUIETER = 10.0 ** (20 / 10)  # in power: 20 dB
AUDIBLE = 4.0**2  # below that there is nothing to rescue
CLEARLY_LOUDER = 1.1  # in power; less would change sides, and so signs, from segment to segment
WORTH_A_WORD = 1.0


class Downmix:
    """Mixes blocks as they come; gives what is whole, in segments, and the rest at the end."""

    def __init__(self) -> None:
        self._rest: NDArray[np.int16] = np.zeros((2, 0), np.int16)
        self._mixed = 0
        self._rescued = 0
        self._first: float | None = None

    def mix(self, block: NDArray[np.int16], *, is_last: bool = False) -> NDArray[np.int16]:
        """(2, n) to (1, m): all of it if it is the last, whole segments if not."""
        both = np.concatenate([self._rest, block], axis=1) if self._rest.shape[1] else block
        whole = both.shape[1] - both.shape[1] % SEGMENT
        self._rest = both[:, whole:]
        mixed = [self._mixed_segments(both[:, :whole].reshape(2, -1, SEGMENT))]
        if is_last and self._rest.shape[1]:
            mixed.append(self._mixed_segments(self._rest.reshape(2, 1, -1)))
        return np.concatenate(mixed)[np.newaxis]

    def warnings(self) -> list[str]:
        if self._first is None or self._rescued < WORTH_A_WORD * SAMPLE_RATE:
            return []
        return [
            f"The two channels cancel each other out for {self._rescued / SAMPLE_RATE:.1f} s, "
            f"first at {self._first:.1f} s; the louder one was heard there."
        ]

    def _mixed_segments(self, both: NDArray[np.int16]) -> NDArray[np.int16]:
        """(2, segments, samples) to (all samples,)."""
        mean = np.add(both[0], both[1], dtype=np.int32) >> 1
        mixed = mean.astype(np.int16)
        left, right = _power(both[0]), _power(both[1])
        louder = np.maximum(left, right)
        cancels = (louder > AUDIBLE) & (louder > FAR_QUIETER * _power(mixed))
        for segment in np.flatnonzero(cancels):
            is_right = right[segment] > CLEARLY_LOUDER * left[segment]
            mixed[segment] = both[int(is_right), segment]
        if cancels.any():
            start = self._mixed + int(np.argmax(cancels)) * mixed.shape[1]
            self._first = start / SAMPLE_RATE if self._first is None else self._first
            self._rescued += int(cancels.sum()) * mixed.shape[1]
        self._mixed += mixed.size
        flat: NDArray[np.int16] = mixed.reshape(-1)
        return flat


def _power(segments: NDArray[np.int16]) -> NDArray[np.float32]:
    """The mean square of each row."""
    some = segments[:, ::STRIDE].astype(np.float32)
    power: NDArray[np.float32] = np.einsum("ij,ij->i", some, some) / max(some.shape[1], 1)
    return power
