"""Clips of noise whose loudness changes every second; enough for models with random weights."""

from __future__ import annotations

import numpy as np

from decoding.types import SAMPLE_RATE, Clip


def noise(seed: int, seconds: int = 30, **fields) -> Clip:
    rng = np.random.default_rng(seed)
    loudness = np.repeat(rng.random(seconds), SAMPLE_RATE) * 0.3
    samples = (rng.standard_normal(seconds * SAMPLE_RATE) * loudness).astype(np.float32)
    return Clip(samples, seed=seed, **fields)
