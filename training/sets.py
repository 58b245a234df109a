"""What models are measured on: sets of sentences and long recordings, none of them trained on.

All are made when they are needed, from seeds; `digest` tells whether two machines made the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

import numpy as np

from decoding.types import CLIP_SAMPLES, SAMPLE_RATE
from training.acoustics import Sound
from training.grammar import sentences
from training.recordings import BRISK, LONG, VARIED, RecordingPlan
from training.synthesis import Spoken, SpokenWord, Synthesiser, fresh_synthesiser
from training.voices import FAST, HELD_OUT, TRAINED, USUAL, Manner, drawn

PEAK = 0.4
FULL_SCALE = 32_768
EARLIEST, LATEST = 0.1, 0.8  # seconds of silence before a sentence


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One sentence in thirty seconds of silence; `sound` float32, shape (480000,)."""

    sound: Sound
    text: str
    words: tuple[SpokenWord, ...]
    voice: str


@dataclass(frozen=True, slots=True)
class SetPlan:
    """A set of sentences with at least `words` words, spoken by `voices`."""

    seed: int
    voices: tuple[str, ...]
    random_share: float
    words: int = 1_000
    manner: Manner = USUAL


SETS: Mapping[str, SetPlan] = MappingProxyType(
    {
        "trained-template": SetPlan(991, TRAINED, 0.0),
        "trained-random": SetPlan(992, TRAINED, 1.0),
        "held-out-template": SetPlan(993, HELD_OUT, 0.0),
    }
)

RECORDINGS: Mapping[str, RecordingPlan] = MappingProxyType(
    {
        "meeting": RecordingPlan(2026, 6.2, ("en-us+m3", "en-us+f2", "en", "en-us+klatt")),
        "noisy": RecordingPlan(2027, 5.0, ("en-us+m1", "en+f4"), pauses=VARIED, noise_db=15.0),
        "long-pauses": RecordingPlan(2028, 12.0, ("en+m7", "en-us+f2"), pauses=LONG),
        "two-channels": RecordingPlan(2029, 5.0, ("en-us+m3", "en+f2"), channels=2),
        "fast": RecordingPlan(2030, 5.0, ("en-us",), manner=FAST, pauses=BRISK),
    }
)


def items(plan: SetPlan) -> list[Item]:
    """The sentences of a set, as sound."""
    chance = random.Random(plan.seed)
    lines = sentences(chance, "evaluation", random_share=plan.random_share)
    made: list[Item] = []
    with fresh_synthesiser() as synthesiser:
        while sum(len(item.words) for item in made) < plan.words:
            made.append(_item(next(lines), plan, chance, synthesiser))
    return made


def digest(made: list[Item]) -> str:
    """SHA-256 over the sound of a set."""
    whole = sha256()
    for item in made:
        whole.update(np.round(item.sound * FULL_SCALE).astype("<i2").tobytes())
    return whole.hexdigest()


def _item(text: str, plan: SetPlan, chance: random.Random, synthesiser: Synthesiser) -> Item:
    voice = drawn(chance, plan.voices, plan.manner)
    spoken = synthesiser.speak(text, voice)
    start = chance.uniform(EARLIEST, LATEST)
    words = tuple(SpokenWord(w.text, w.start + start, w.end + start) for w in spoken.words)
    return Item(placed(spoken, start), text, words, voice.name)


def placed(spoken: Spoken, start: float) -> Sound:
    """Thirty seconds of silence with `spoken` in it from `start` on."""
    sound = np.zeros(CLIP_SAMPLES, np.float32)
    first = round(start * SAMPLE_RATE)
    heard = spoken.samples[: CLIP_SAMPLES - first].astype(np.float32)
    loudest = float(np.abs(heard).max()) + 1.0
    sound[first : first + len(heard)] = np.round(heard * (PEAK * FULL_SCALE / loudest))
    return sound / np.float32(FULL_SCALE)
