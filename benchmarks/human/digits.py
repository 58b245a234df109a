"""Digits one after the other: lost or doubled, and how near to where windows were joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.human.study import Heard
from benchmarks.scoring import Counts
from benchmarks.seams import ZONE_SECONDS


@dataclass(frozen=True, slots=True)
class Digits:
    """`counts` over all; `seams`, and the digits lost or added within two seconds of one."""

    counts: Counts = field(default_factory=Counts)
    seams: int = 0
    lost_at_seams: int = 0
    added_at_seams: int = 0

    def __add__(self, other: Digits) -> Digits:
        return Digits(
            self.counts + other.counts,
            self.seams + other.seams,
            self.lost_at_seams + other.lost_at_seams,
            self.added_at_seams + other.added_at_seams,
        )


def digits_in(recordings: Iterable[Heard]) -> Digits:
    """Pools recordings of digits."""
    return sum((_digits(heard) for heard in recordings), Digits())


def _digits(heard: Heard) -> Digits:
    seams = heard.record.heard.seams if heard.record.heard else ()
    near = [
        pair.operation
        for pair, time in zip(heard.file.score.alignment, heard.file.times, strict=True)
        if time is not None and any(abs(time - seam) <= ZONE_SECONDS for seam in seams)
    ]
    return Digits(
        heard.file.score.words, len(seams), near.count("deletion"), near.count("insertion")
    )
