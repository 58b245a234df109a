"""Plants an answer: words of known times, cut into windows as a perfect recogniser hears them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chunking.types import Piece, Span, Window, Word


@dataclass(frozen=True)
class Said:
    """A word that was really spoken."""

    text: str
    start: float
    end: float


def speak(texts: Sequence[str], seed: int = 0, *, start: float = 0.4) -> list[Said]:
    """`texts` one after the other with natural lengths and pauses."""
    dice = random.Random(seed)
    said: list[Said] = []
    clock = start
    for text in texts:
        end = clock + dice.uniform(0.18, 0.5)
        said.append(Said(text, clock, end))
        clock = end + (dice.uniform(0.0, 0.1) if dice.random() < 0.9 else dice.uniform(0.3, 1.2))
    return said


def chat(count: int, seed: int = 0, *, vocabulary: int = 300) -> list[Said]:
    """`count` random words; a small vocabulary repeats itself."""
    dice = random.Random(seed)
    return speak([f"w{dice.randrange(vocabulary)}" for _ in range(count)], seed)


def duration_of(said: Sequence[Said]) -> float:
    return said[-1].end + 0.4 if said else 0.0


def speech_of(said: Iterable[Said]) -> list[Span]:
    return [Span(word.start, word.end) for word in said]


def hear(window: Window, said: Iterable[Said], *, jitter: float = 0.0, **figures) -> Piece:
    """What a recogniser with `jitter` seconds of timing error hears whole in `window`."""
    dice = random.Random(window.index * 7919 + 13)
    words = []
    for word in said:
        if word.start < window.start or word.end > window.end:
            continue
        start = word.start + dice.uniform(-jitter, jitter)
        end = max(start, word.end + dice.uniform(-jitter, jitter))
        words.append(
            Word(f" {word.text}", start, end, 0.9, (len(words),), window.index, len(words))
        )
    return Piece(window, tuple(words), **figures)


def texts(words: Iterable[Word | Said]) -> list[str]:
    return [word.text.strip() for word in words]
