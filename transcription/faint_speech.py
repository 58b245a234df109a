"""Speech far fainter than the rest of its recording, heard by Silero's model a second time, louder.

The model hears at one level: beside a near speaker it misses one at the far end of the table. So
where the sound is faint for a second or more it is brought to the common level and heard again
(with what lies between two such places near each other); the higher of both probabilities counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.voice_activity.silero_file import FRAME_SAMPLES
from transcription.silero import gain_for, gain_to_common, levels_of, loud_of
from transcription.types import VoiceActivityDetector

CELL_FRAMES = 31  # of a second
CELL_SAMPLES = CELL_FRAMES * FRAME_SAMPLES
LOCAL_CELLS = 3  # that tell how loud it is in the middle one
LOCAL_PERCENTILE = 90.0  # of their frames: of speech with its pauses, and not of a click
FAINT = 10 ** (-10 / 20)  # of the loudest hundredth of the whole
LEAD_IN_CELLS = 3


def hear(samples: NDArray[np.int16], vad: VoiceActivityDetector) -> NDArray[np.float32]:
    """Probability of speech in each frame of 512 samples at 16 kHz, shape (ceil(n / 512),)."""
    probabilities = vad(samples, gain=gain_for(samples)).copy()
    levels = levels_of(samples)
    loud = loud_of(levels)
    if loud is None:
        return probabilities
    local = _local_levels(levels)
    for first, last in _runs(local < FAINT * loud):
        lead = max(first - LEAD_IN_CELLS, 0)
        again = vad(_levelled(samples, local, slice(lead, last)))
        frames = slice(first * CELL_FRAMES, last * CELL_FRAMES)
        behind = again[(first - lead) * CELL_FRAMES :]
        probabilities[frames] = np.maximum(probabilities[frames], behind)
    return probabilities


def _local_levels(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """How loud it is in each second and around it, shape (cells,)."""
    cells = -(-len(levels) // CELL_FRAMES)
    around = LOCAL_CELLS // 2 * CELL_FRAMES
    padded = np.full(cells * CELL_FRAMES + 2 * around, np.nan, np.float32)
    padded[around : around + len(levels)] = levels
    windows = np.lib.stride_tricks.sliding_window_view(padded, LOCAL_CELLS * CELL_FRAMES)
    local: NDArray[np.float32] = np.nanpercentile(
        windows[::CELL_FRAMES], LOCAL_PERCENTILE, axis=1
    ).astype(np.float32)
    return local


def _runs(is_faint: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first cell, cell behind the last) of every run; those near each other are heard as one."""
    runs: list[tuple[int, int]] = []
    for cell in map(int, np.flatnonzero(is_faint)):
        if runs and cell - runs[-1][1] <= LEAD_IN_CELLS:
            runs[-1] = runs[-1][0], cell + 1
        else:
            runs.append((cell, cell + 1))
    return runs


def _levelled(
    samples: NDArray[np.int16], local: NDArray[np.float32], cells: slice
) -> NDArray[np.int16]:
    """The samples of these cells at the common level, which changes slowly from cell to cell."""
    here = samples[cells.start * CELL_SAMPLES : cells.stop * CELL_SAMPLES]
    gains = np.log([gain_to_common(float(level)) for level in local[cells]])
    middles = (np.arange(len(gains)) + 0.5) * CELL_SAMPLES
    louder = here * np.exp(np.interp(np.arange(len(here)), middles, gains))
    limits = np.iinfo(np.int16)
    return np.clip(np.round(louder), limits.min, limits.max).astype(np.int16)
