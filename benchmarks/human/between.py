"""Speech, minutes without any, speech again: words in the middle, and words lost around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.human.study import Heard
from benchmarks.scoring import Counts
from chunking.types import Span

SLACK_SECONDS: Final = 1.0
"""Words may reach so far into the middle: a reading ends before its clip, times are not exact."""


@dataclass(frozen=True, slots=True)
class Between:
    """`words` in `seconds` without speech of all recordings, `with_words` of which have some.

    `counts` are of everything that was said and heard, those words included.
    """

    recordings: int = 0
    with_words: int = 0
    words: int = 0
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)

    def __add__(self, other: Between) -> Between:
        return Between(
            self.recordings + other.recordings,
            self.with_words + other.with_words,
            self.words + other.words,
            self.seconds + other.seconds,
            self.counts + other.counts,
        )


def between_in(recordings: Iterable[Heard]) -> Between:
    """Pools recordings that tell where nobody speaks."""
    return sum((_one(heard) for heard in recordings if heard.recording.quiet), Between())


def _one(heard: Heard) -> Between:
    quiet = heard.recording.quiet
    assert quiet is not None
    words = sum(time is not None and _is_inside(time, quiet) for time in heard.times)
    return Between(1, int(words > 0), words, quiet.duration, heard.file.score.words)


def _is_inside(time: Span, quiet: Span) -> bool:
    return quiet.start + SLACK_SECONDS <= time.start and time.end <= quiet.end - SLACK_SECONDS
