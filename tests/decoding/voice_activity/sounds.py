"""Sounds on which ways to run Silero's network are held against each other."""

from __future__ import annotations

import numpy as np

from tests.decoding.noise import noise
from tests.decoding.speech import window

RATE = 16_000
# What single precision strays from double on these sounds is at most 7.4e-6, whichever way the
# sums are ordered: by NumPy, by MKL for AVX2 or for AVX-512, which orders them by the number
# of rows. Twice that, for processors not seen. Two orders may differ by twice the bound.
ROUNDING = 1.5e-5


def as_integers(samples):
    return (samples * 32767).astype(np.int16)


SOUNDS = {
    "speech": as_integers(window(0)),
    "quiet speech in noise": as_integers(0.1 * window(1)[: 8 * RATE] + 0.01 * noise(1, 8).samples),
    "noise": as_integers(noise(2, 10).samples),
    "silence": np.zeros(3 * RATE, np.int16),
    "half a frame": as_integers(noise(3, 1).samples)[:256],
    "one sample": np.full(1, 9000, np.int16),
    "a sample too many": as_integers(window(2)[: 100 * 512 + 1]),
}
