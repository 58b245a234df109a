"""What models are measured on: sets of sentences and long recordings, none of them trained on.

All are made when they are needed, from seeds; `DIGESTS` tells whether a machine made the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

import numpy as np

from decoding.types import CLIP_SAMPLES, FULL_SCALE, SAMPLE_RATE
from training.acoustics import Sound
from training.grammar import sentences
from training.recordings import BRISK, LONG, VARIED, RecordingPlan
from training.synthesis import Spoken, SpokenWord, Synthesiser, fresh_synthesiser
from training.voices import FAST, HELD_OUT, TRAINED, USUAL, Manner, drawn

PEAK = 0.4
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

DIGESTS: Mapping[str, str] = MappingProxyType(
    {
        "trained-template": "eef7858f42a77a3595d4b5696289801a2e8060cdc7e6faac85bfb518d5064cd8",
        "trained-random": "c5cde52fa97b6803cfcebfaa3093f16eceed17bcbde7e068a0ab91babfc7e64e",
        "held-out-template": "862e2c03bce8a69aa4af9771b266d51ab8eff3f7f8a4ea58e7747d02b9a2e783",
        "meeting": "a216332a0f77c779d002aee3bcee82c04b40f1796a42360911ab5b7c52c67910",
        "noisy": "6a07f74444af91b85185b33bd476c886e139a48a571c89d96762a5f7d76e6181",
        "long-pauses": "c17684112f99c3661d1f79cc73e066e21fe331af58047bef5c89704929a3a65b",
        "two-channels": "158a255d5580685849d2e6bc3e02bf05a96e29c508629a9c1261e7d7fceed4fd",
        "fast": "4145ad21e4ba63444164c94d2499f957de07653cffcf126fd610cb1f3b4378ff",
    }
)
"""SHA-256 over the samples of every set and recording, as the published figures were measured."""


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
