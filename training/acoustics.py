"""What rooms and microphones do to speech: echo, hiss, colour, loudness. Samples are float32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE

Sound = NDArray[np.float32]

ECHO_SECONDS = (0.05, 0.25)
ECHO_LEVEL = (0.1, 0.5)
GAIN_DB = (-15.0, 6.0)
SILENT_LEVEL = 0.05  # loudness that noise is measured against where nobody speaks


@dataclass(frozen=True, slots=True)
class Conditions:
    """How often each thing happens, and how far under the speech noise may come, in dB."""

    echo: float = 0.12
    noise: float = 0.65
    colour: float = 0.3
    clean: float = 0.25
    noise_db: tuple[float, float] = (5.0, 45.0)


def worn(sound: Sound, conditions: Conditions, chance: np.random.Generator) -> Sound:
    """`sound` as some microphone in some room would give it, in [-1, 1]."""
    if chance.random() >= conditions.clean:
        if chance.random() < conditions.echo:
            sound = _echoed(sound, chance)
        if chance.random() < conditions.noise:
            sound = _noisy(sound, conditions, chance)
        if chance.random() < conditions.colour:
            sound = _coloured(sound, chance)
    gain = 10 ** (chance.uniform(*GAIN_DB) / 20)
    heard: Sound = np.clip(sound * gain, -1.0, 1.0).astype(np.float32)
    return heard


def noise(samples: int, chance: np.random.Generator) -> Sound:
    """Noise of unit loudness, white or falling with frequency."""
    white = chance.standard_normal(samples).astype(np.float32)
    if chance.random() < 0.4:
        return white
    spectrum = np.fft.rfft(white)
    corner = np.exp(chance.uniform(np.log(0.005), np.log(0.5)))
    frequency = np.linspace(0.0, 1.0, len(spectrum), dtype=np.float32)
    shaped = np.fft.irfft(spectrum / np.sqrt(1 + (frequency / corner) ** 2), samples)
    unit: Sound = (shaped / (shaped.std() + 1e-9)).astype(np.float32)
    return unit


def _echoed(sound: Sound, chance: np.random.Generator) -> Sound:
    """`sound` in a small room: exponentially dying random reflections."""
    length = int(chance.uniform(*ECHO_SECONDS) * SAMPLE_RATE)
    tail = chance.standard_normal(length) * np.exp(-6.0 * np.arange(length) / length)
    tail *= chance.uniform(*ECHO_LEVEL) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = 1 << (len(sound) + length - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(tail, size), size)
    return wet[: len(sound)].astype(np.float32)


def _noisy(sound: Sound, conditions: Conditions, chance: np.random.Generator) -> Sound:
    loudness = float(np.sqrt((sound**2).mean())) or SILENT_LEVEL
    under = 10 ** (-chance.uniform(*conditions.noise_db) / 20)
    return sound + noise(len(sound), chance) * np.float32(loudness * under)


def _coloured(sound: Sound, chance: np.random.Generator) -> Sound:
    """A microphone that favours high or low tones."""
    weight = np.float32(chance.uniform(-0.5, 0.6))
    coloured = sound.copy()
    coloured[1:] += weight * sound[:-1]
    return coloured
