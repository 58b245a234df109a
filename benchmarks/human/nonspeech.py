"""Words heard where nobody speaks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from benchmarks.human.study import Heard

MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class NonSpeech:
    """`begun` minutes of all recordings, and how many of them have words."""

    recordings: int = 0
    with_words: int = 0
    words: int = 0
    seconds: float = 0.0
    begun: int = 0
    begun_with_words: int = 0

    def __add__(self, other: NonSpeech) -> NonSpeech:
        return NonSpeech(
            self.recordings + other.recordings,
            self.with_words + other.with_words,
            self.words + other.words,
            self.seconds + other.seconds,
            self.begun + other.begun,
            self.begun_with_words + other.begun_with_words,
        )

    @property
    def share(self) -> float | None:
        """Of the minutes, those with words."""
        return self.begun_with_words / self.begun if self.begun else None


def nonspeech_in(recordings: Iterable[Heard]) -> NonSpeech:
    """Pools recordings without speech."""
    return sum((_one(heard) for heard in recordings), NonSpeech())


def _one(heard: Heard) -> NonSpeech:
    words = heard.file.score.insertions
    minutes = {int(span.start // MINUTE) for span in heard.times if span is not None}
    return NonSpeech(
        recordings=1,
        with_words=int(words > 0),
        words=words,
        seconds=heard.record.duration,
        begun=max(math.ceil(heard.record.duration / MINUTE), 1),
        begun_with_words=len(minutes) or int(words > 0),
    )
