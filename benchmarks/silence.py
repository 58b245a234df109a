"""Recordings without speech: whatever is heard in them is made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.folder import AUDIO_SUFFIXES
from benchmarks.datasets.types import DatasetMissing
from benchmarks.items import AudioPart, Item
from benchmarks.sound import write_wave
from decoding.types import SAMPLE_RATE

Samples = NDArray[np.float64]


def _clicks(clock: Samples, generator: np.random.Generator) -> Samples:
    """Thirty clicks a minute, each ten milliseconds of noise that fades."""
    sound = np.zeros(len(clock))
    for start in range(0, len(clock) - 160, 2 * SAMPLE_RATE):
        sound[start : start + 160] = generator.normal(0, 0.3, 160) * np.linspace(1, 0, 160)
    return sound


def _brown(clock: Samples, generator: np.random.Generator) -> Samples:
    """Wind or a fan: noise with most of its power in the low tones."""
    walk = np.cumsum(generator.normal(0, 1, len(clock)))
    walk -= np.linspace(walk[0], walk[-1], len(walk))
    return np.asarray(0.1 * walk / max(float(np.abs(walk).max()), 1e-9))


NOISES: Final[dict[str, Callable[[Samples, np.random.Generator], Samples]]] = {
    "digital-silence": lambda clock, _: np.zeros(len(clock)),
    "white-noise-40dB": lambda clock, generator: generator.normal(0, 0.01, len(clock)),
    "white-noise-20dB": lambda clock, generator: generator.normal(0, 0.1, len(clock)),
    "fan": _brown,
    "mains-hum": lambda clock, _: 0.05 * np.sin(2 * np.pi * 50 * clock),
    "tone": lambda clock, _: 0.1 * np.sin(2 * np.pi * 440 * clock),
    "clicks": _clicks,
}


def made_noises(folder: Path, minutes: float, seed: int = 0) -> tuple[Item, ...]:
    """One recording of each kind of noise, with an empty reference. Same seed, same sound."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = np.arange(int(minutes * 60 * SAMPLE_RATE)) / SAMPLE_RATE
    items = []
    for name, make in NOISES.items():
        sound = np.clip(make(clock, np.random.default_rng(seed)), -1, 1)
        path = folder / f"{name}-{minutes:g}min.wav"
        write_wave(path, np.round(sound * 32767).astype(np.int16))
        items.append(Item(name, (AudioPart(path),), ""))
    return tuple(items)


def found_noises(folder: Path) -> tuple[Item, ...]:
    """Every sound file below `folder` (ESC-50, MUSAN noise, …) as a recording without speech."""
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in AUDIO_SUFFIXES]
    if not paths:
        raise DatasetMissing(f"there is no sound file in {folder}")
    return tuple(Item(str(p.relative_to(folder)), (AudioPart(p),), "") for p in paths)
