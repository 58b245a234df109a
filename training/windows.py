"""Training windows: sentences placed in up to thirty seconds of sound, cut where a service cuts.

What is heard at which sample is exact. What the model shall answer is made of it in `labels.py`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding.types import SAMPLE_RATE
from training.acoustics import SILENT_LEVEL, Conditions, Sound, noise, worn
from training.synthesis import Phoneme, Spoken, SpokenWord

LOUDEST = 0.5  # peak of a sentence before gain
GAIN_DB = (-12.0, 3.0)  # of one sentence against another
SHORTEST_REST = 0.3  # seconds that must be left for another sentence to begin
EDGE = 0.02  # seconds by which a word may stick out of a window and still count as heard


@dataclass(frozen=True, slots=True)
class WindowStyle:
    """How often a window is silent, starts inside a sentence, or ends early, and how voices vary.

    `stretch`: bounds of a factor on speed and pitch together. `gaps`: mean pauses, in seconds.
    `long_gap` is the share of pauses that last seconds, `longest_gap` the share of those that may
    fill most of a window: a model that has never heard one takes it for the end.
    """

    silent: float = 0.05
    starts_inside: float = 0.45
    ends_early: float = 0.3
    stretched: float = 0.45
    stretch: tuple[float, float] = (0.88, 1.13)
    gaps: tuple[float, ...] = (0.1, 0.2, 0.4, 0.9)
    long_gap: float = 0.12
    longest_gap: float = 0.4
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence, or the part of it that the window holds; times on the window's clock.

    `missing`: its words before the window. `is_cut`: it goes on after the window.
    """

    words: tuple[SpokenWord, ...]
    phonemes: tuple[Phoneme, ...]
    missing: tuple[str, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TrainingWindow:
    """`sound`: float32 in [-1, 1], shape (n,); no utterances means that nobody speaks."""

    sound: Sound
    utterances: tuple[Utterance, ...]

    @property
    def seconds(self) -> float:
        return len(self.sound) / SAMPLE_RATE


def compose(
    bank: Sequence[Spoken], seconds: float, style: WindowStyle, chance: random.Random
) -> TrainingWindow:
    """A window of `seconds` filled with sentences of the bank."""
    generator = np.random.Generator(np.random.PCG64(chance.getrandbits(63)))
    sound = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    if chance.random() < style.silent:
        return TrainingWindow(_nobody(len(sound), chance, generator), ())
    utterances: list[Utterance] = []
    now = _first_start(seconds, chance)
    share = chance.uniform(0.05, 1.0) if chance.random() < style.ends_early else 1.0
    until = now + (seconds - now) * share
    mean_gap = chance.choice(style.gaps)
    while now < min(seconds - SHORTEST_REST, until):
        spoken = _varied(chance.choice(bank), style, chance)
        missing: tuple[str, ...] = ()
        if not utterances and chance.random() < style.starts_inside and len(spoken.words) > 2:
            now = 0.0
            spoken, missing = begun_inside(spoken, chance)
        placed = _placed(spoken, now, seconds, missing)
        _mix(sound, spoken, now, 10 ** (chance.uniform(*GAIN_DB) / 20))
        if placed.words:
            utterances.append(placed)
        now += spoken.words[-1].end + _gap(mean_gap, style, chance)
    return TrainingWindow(worn(sound, style.conditions, generator), tuple(utterances))


def begun_inside(spoken: Spoken, chance: random.Random) -> tuple[Spoken, tuple[str, ...]]:
    """`spoken` from one of its later words on, and the words before that."""
    first = chance.randrange(1, len(spoken.words))
    start = max(spoken.words[first].start, 0.0)
    cut = round(start * SAMPLE_RATE)
    words = tuple(SpokenWord(w.text, w.start - start, w.end - start) for w in spoken.words[first:])
    phonemes = tuple(
        Phoneme(p.name, p.start - start) for p in spoken.phonemes if p.start >= start - EDGE
    )
    missing = tuple(word.text for word in spoken.words[:first])
    return Spoken(spoken.samples[cut:], words, phonemes), missing


def stretched(spoken: Spoken, factor: float) -> Spoken:
    """`spoken` played `factor` times as fast, and higher by as much."""
    length = int(len(spoken.samples) / factor)
    places = np.arange(length) * factor
    sound = np.interp(places, np.arange(len(spoken.samples)), spoken.samples).astype(np.int16)
    words = tuple(SpokenWord(w.text, w.start / factor, w.end / factor) for w in spoken.words)
    phonemes = tuple(Phoneme(p.name, p.start / factor) for p in spoken.phonemes)
    return Spoken(sound, words, phonemes)


def _varied(spoken: Spoken, style: WindowStyle, chance: random.Random) -> Spoken:
    if chance.random() < style.stretched:
        return stretched(spoken, chance.uniform(*style.stretch))
    return spoken


def _placed(spoken: Spoken, start: float, seconds: float, missing: tuple[str, ...]) -> Utterance:
    """What of `spoken`, begun at `start`, the window of `seconds` holds."""
    words = tuple(
        SpokenWord(w.text, max(w.start + start, 0.0), min(w.end + start, seconds))
        for w in spoken.words
        if w.end + start <= seconds + EDGE
    )
    phonemes = tuple(Phoneme(p.name, p.start + start) for p in spoken.phonemes)
    return Utterance(words, phonemes, missing, is_cut=len(words) < len(spoken.words))


def _mix(sound: Sound, spoken: Spoken, start: float, gain: float) -> None:
    first = int(start * SAMPLE_RATE)
    heard: NDArray[np.float32] = spoken.samples[: len(sound) - first].astype(np.float32)
    loudest = float(np.abs(spoken.samples.astype(np.int32)).max()) + 1.0
    sound[first : first + len(heard)] += heard * np.float32(gain * LOUDEST / loudest)


def _nobody(samples: int, chance: random.Random, generator: np.random.Generator) -> Sound:
    """Digital silence, or noise of any loudness."""
    if chance.random() < 0.25:
        return np.zeros(samples, np.float32)
    level = SILENT_LEVEL * 10 ** (chance.uniform(-50.0, 12.0) / 20)
    hiss: Sound = np.clip(noise(samples, generator) * np.float32(level), -1.0, 1.0)
    return hiss


def _first_start(seconds: float, chance: random.Random) -> float:
    """Seconds before the first sentence of a window of `seconds`.

    Four windows in ten are silent for a sixth of their time or more: a model that seldom hears
    that ends the sentence too early, and a decoder that goes on from its end hears it again.
    """
    kind = chance.random()
    if kind < 0.12:
        return 0.0
    if kind < 0.5:
        return chance.uniform(0.0, 0.95)
    share = chance.uniform(0.03, 0.2) if kind < 0.62 else chance.uniform(1 / 6, 5 / 6)
    return share * seconds


def _gap(mean: float, style: WindowStyle, chance: random.Random) -> float:
    if chance.random() < style.long_gap:
        is_longest = chance.random() < style.longest_gap
        return chance.uniform(7.0, 24.0) if is_longest else chance.uniform(1.0, 9.0)
    return chance.expovariate(1 / mean) + 0.06
