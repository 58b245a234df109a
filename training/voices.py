"""Which voices speak for training, which only for measuring, and how a speaker varies."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True, slots=True)
class Voice:
    """A synthesiser's voice and manner.

    `name`: an espeak-ng voice, accent and variant joined by "+"; `rate` in words a minute;
    `pitch` and `pitch_range` as espeak counts them, 0 to 99.
    """

    name: str
    rate: int = 165
    pitch: int = 50
    pitch_range: int = 50


@dataclass(frozen=True, slots=True)
class Manner:
    """Bounds within which a speaker's rate, pitch and melody are drawn."""

    rate: tuple[int, int] = (130, 190)
    pitch: tuple[int, int] = (30, 70)
    pitch_range: tuple[int, int] = (35, 65)


USUAL = Manner()
FAST = Manner(rate=(205, 215))

ACCENTS = ("en-us", "en-us", "en-us", "en", "en", "en-gb-x-rp")
VARIANTS = ("", "m1", "m2", "m3", "m4", "m7", "f1", "f2", "f3", "f4", "klatt", "Andy", "Annie")
TRAINED: tuple[str, ...] = tuple(
    accent + (f"+{variant}" if variant else "") for accent, variant in product(ACCENTS, VARIANTS)
)
HELD_OUT: tuple[str, ...] = (
    "en-us+steph",
    "en+Michael",
    "en-gb-scotland+m8",
    "en-gb-scotland+f5",
)
"""Voices that no training run may use; two of them have an accent that is never trained."""


def drawn(chance: random.Random, names: tuple[str, ...] = TRAINED, manner: Manner = USUAL) -> Voice:
    """A voice from `names` with rate, pitch and melody drawn within `manner`."""
    return Voice(
        chance.choice(names),
        chance.randint(*manner.rate),
        chance.randint(*manner.pitch),
        chance.randint(*manner.pitch_range),
    )
