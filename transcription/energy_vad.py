"""The second detector: finds speech by its energy, rhythm and pitch, and knows no model.

It never decides what is skipped. It judges afterwards whether a stretch without words should have
had some, and so it must not share the first detector's mistakes. Speech is what, within a few
hundred milliseconds, rises well above the dips of its own surroundings in several bands between
200 and 4000 Hz *and* has a pitch. Steady noise and hum have no dips to rise from, clicks and
rustling have no pitch. Music and animals may pass, whispers do not.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from decoding.types import FULL_SCALE, SAMPLE_RATE

HOP_SAMPLES = 320
FRAME_SAMPLES = 640
FFT_SAMPLES = 1024
FRAMES_PER_SECOND = SAMPLE_RATE // HOP_SAMPLES
FRAMES_PER_BLOCK = 32  # so few that memory comes from the heap, and products wake no threads

BAND_EDGES_HZ = (200, 300, 420, 560, 720, 920, 1160, 1450, 1800, 2250, 2800, 3400, 4000)
PITCH_BAND_HZ = (80, 1200)
PITCH_RANGE_HZ = (70, 400)

QUIETEST_DB = -100.0  # of a band, relative to full scale; near the rounding noise of s16
FLOOR_SECONDS = 3.0
FLOOR_CELL_FRAMES = FRAMES_PER_SECOND // 2
FLOOR_CELLS = int(FLOOR_SECONDS * FRAMES_PER_SECOND) // FLOOR_CELL_FRAMES
FLOOR_PERCENTILE = 20.0
LOUDEST_BANDS = 4
RISE_DB = 8.0
PERIODICITY = 0.6
VOICED_RADIUS_FRAMES = FRAMES_PER_SECOND // 4
MIN_VOICED_FRAMES = 4

MARGIN_SECONDS = FLOOR_SECONDS + 1.0


def detect_activity(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Whether each frame of 20 ms belongs to speech, shape (n // 320,).

    Frames nearer than `MARGIN_SECONDS` to an end of a cut know less of their surroundings.
    """
    bands, periodicity = measure(samples)
    rise = np.sort(bands - noise_floor(bands), axis=1)[:, -LOUDEST_BANDS:].mean(axis=1)
    is_loud = rise >= RISE_DB
    is_voiced = is_loud & (periodicity >= PERIODICITY)
    voiced_before = np.concatenate(([0], np.cumsum(is_voiced)))
    position = np.arange(len(is_voiced))
    until = np.minimum(position + VOICED_RADIUS_FRAMES + 1, len(is_voiced))
    since = np.maximum(position - VOICED_RADIUS_FRAMES, 0)
    near = voiced_before[until] - voiced_before[since]
    active: NDArray[np.bool_] = is_loud & (near >= MIN_VOICED_FRAMES)
    return active


def measure(
    samples: NDArray[np.int16],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Level of each band in dB, shape (frames, bands), and periodicity 0..1, shape (frames,)."""
    frames = len(samples) // HOP_SAMPLES
    padded = np.zeros(frames * HOP_SAMPLES + FRAME_SAMPLES, dtype=np.float32)
    padded[: len(samples)] = samples[: len(padded)]
    padded /= FULL_SCALE
    views = np.lib.stride_tricks.sliding_window_view(padded, FRAME_SAMPLES)[::HOP_SAMPLES][:frames]
    bands = np.empty((frames, len(BAND_EDGES_HZ) - 1), dtype=np.float32)
    periodicity = np.empty(frames, dtype=np.float32)
    for first in range(0, frames, FRAMES_PER_BLOCK):
        here = slice(first, first + FRAMES_PER_BLOCK)
        power = _power(views[here])
        bands[here] = _band_levels(power)
        periodicity[here] = _periodicity(power)
    return bands, periodicity


def noise_floor(bands: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each band falls back to around each frame, in dB, shape as `bands`.

    The higher of what lies behind and what lies ahead: when a fan starts, it is its own floor.
    """
    frames = len(bands)
    if not frames:
        return np.zeros_like(bands)
    cells = -(-frames // FLOOR_CELL_FRAMES)
    dips = _dips(bands, cells + FLOOR_CELLS - 1)
    floors = np.maximum(dips[:cells], dips[FLOOR_CELLS - 1 :][:cells])
    return np.repeat(floors, FLOOR_CELL_FRAMES, axis=0)[:frames]


def _dips(bands: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The low percentile over the `FLOOR_CELLS` cells that end with each of the first `count`."""
    dips = np.empty((count, bands.shape[1]), dtype=np.float32)
    length, frames = FLOOR_CELLS * FLOOR_CELL_FRAMES, len(bands)
    whole = range(FLOOR_CELLS - 1, frames // FLOOR_CELL_FRAMES)  # the others are cut off
    if whole:
        stretches = np.lib.stride_tricks.sliding_window_view(bands, length, axis=0)
        dips[whole.start : whole.stop] = np.percentile(
            stretches[::FLOOR_CELL_FRAMES][: len(whole)], FLOOR_PERCENTILE, axis=-1
        )
    for cell in (cell for cell in range(count) if cell not in whole):
        last = (cell + 1) * FLOOR_CELL_FRAMES
        dips[cell] = np.percentile(bands[max(last - length, 0) : last], FLOOR_PERCENTILE, axis=0)
    return dips


def _power(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power below the highest band edge, shape (frames, bins)."""
    highest = BAND_EDGES_HZ[-1] * FFT_SAMPLES // SAMPLE_RATE
    spectrum = np.fft.rfft(frames * _window(), FFT_SAMPLES, axis=1)[:, :highest]
    power: NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power


@functools.cache
def _window() -> NDArray[np.float32]:
    return np.hanning(FRAME_SAMPLES).astype(np.float32)


def _band_levels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    edges = [edge * FFT_SAMPLES // SAMPLE_RATE for edge in BAND_EDGES_HZ]
    sums = np.add.reduceat(power, edges[:-1], axis=1)
    full_scale = (FRAME_SAMPLES / 2) ** 2
    levels = 10.0 * np.log10(sums / full_scale + 1e-20)
    return np.maximum(levels, QUIETEST_DB).astype(np.float32)


def _periodicity(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Highest autocorrelation at a lag of human pitch, corrected for the window's taper."""
    voiced = power[:, _pitch_bins()]
    peaks = (voiced @ _lags()).max(axis=1)
    level = voiced.sum(axis=1)
    return np.where(level > 0, peaks / np.maximum(level, 1e-20), 0.0).astype(np.float32)


def _pitch_bins() -> slice:
    return slice(*(edge * FFT_SAMPLES // SAMPLE_RATE for edge in PITCH_BAND_HZ))


@functools.cache
def _lags() -> NDArray[np.float32]:
    """The cosine of each bin at each lag over the taper, shape (bins, lags).

    Power times these is the autocorrelation: an inverse transform of the few numbers we need.
    """
    bins = _pitch_bins()
    lags = np.arange(*(SAMPLE_RATE // edge for edge in reversed(PITCH_RANGE_HZ)))
    turns = np.outer(np.arange(bins.start, bins.stop), lags) / FFT_SAMPLES
    return (np.cos(2 * np.pi * turns) / _taper()[lags]).astype(np.float32)


def _taper() -> NDArray[np.float64]:
    """Autocorrelation of the window itself, 1 at lag 0."""
    spectrum = np.abs(np.fft.rfft(_window(), FFT_SAMPLES)) ** 2
    taper: NDArray[np.float64] = np.fft.irfft(spectrum, FFT_SAMPLES)
    taper /= taper[0]
    return taper
