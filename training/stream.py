"""Endless training batches: a bank of sentences, slowly renewed, and windows made of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from training.batches import Batch, collate, largest_offset
from training.grammar import sentences
from training.labels import Labeller, LabelStyle, PhonemeTable
from training.synthesis import Spoken, Synthesiser
from training.vocabulary import Vocabulary
from training.voices import TRAINED, USUAL, Manner, drawn
from training.windows import TrainingWindow, WindowStyle, compose


@dataclass(frozen=True, slots=True)
class Lengths:
    """Window lengths: `short` is drawn with the probability `short_share`, else `full`; seconds."""

    short: tuple[float, ...] = (6.0, 10.0, 15.0)
    short_share: float = 0.4
    full: float = 30.0


GROWING = (  # (share of the run, lengths until then): a fresh model first learns short windows
    (0.15, Lengths((3.0, 4.0, 5.0, 6.0), 0.9)),
    (0.35, Lengths((5.0, 8.0, 10.0), 0.8)),
)


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What is heard. `bank` sentences are held, `renewed` of them are new in each batch."""

    seed: int = 0
    audio_per_batch: float = 60.0
    bank: int = 1_200
    renewed: int = 7
    random_share: float = 0.5
    voices: tuple[str, ...] = TRAINED
    manner: Manner = USUAL
    windows: WindowStyle = field(default_factory=WindowStyle)
    labels: LabelStyle = field(default_factory=LabelStyle)


class Stream:
    """Batches from a seed; the same calls give the same batches."""

    def __init__(
        self,
        options: StreamOptions,
        vocabulary: Vocabulary,
        table: PhonemeTable,
        synthesiser: Synthesiser,
    ) -> None:
        self._options = options
        self._vocabulary = vocabulary
        self._synthesiser = synthesiser
        self._chance = random.Random(options.seed)
        share = options.random_share
        self._sentences = sentences(self._chance, "training", random_share=share)
        self._labeller = Labeller(vocabulary, table, options.labels)
        self._bank = [self._spoken() for _ in range(options.bank)]

    def batch(self, lengths: Lengths) -> Batch:
        """The next batch: windows of one length, together about `audio_per_batch` seconds."""
        chance = self._chance
        for _ in range(self._options.renewed):
            self._bank[chance.randrange(len(self._bank))] = self._spoken()
        is_short = chance.random() < lengths.short_share
        seconds = chance.choice(lengths.short) if is_short else lengths.full
        windows = [self._window(seconds) for _ in range(self._count(seconds))]
        labels = [self._labeller.label(window, self._bank, chance) for window in windows]
        latest = largest_offset(seconds)
        offsets = [
            chance.randint(0, latest) if latest and chance.random() < 0.6 else 0 for _ in windows
        ]
        return collate(windows, labels, offsets, self._vocabulary)

    def _count(self, seconds: float) -> int:
        return max(1, round(self._options.audio_per_batch / seconds))

    def _window(self, seconds: float) -> TrainingWindow:
        return compose(self._bank, seconds, self._options.windows, self._chance)

    def _spoken(self) -> Spoken:
        voice = drawn(self._chance, self._options.voices, self._options.manner)
        return self._synthesiser.speak(next(self._sentences), voice)


def lengths_at(progress: float, *, is_fresh: bool) -> Lengths:
    """Window lengths when `progress`, 0 to 1, of the run is done."""
    if is_fresh:
        for until, lengths in GROWING:
            if progress < until:
                return lengths
    return Lengths()
