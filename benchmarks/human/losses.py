"""Words lost in a row, words said twice, and whether the coverage report names the holes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean
from typing import Final

from benchmarks.alignment import AlignedPair
from benchmarks.human.study import Heard
from benchmarks.seams import distance_from, duplicated_runs
from benchmarks.symptoms import LOST_RUN, runs
from chunking.spans import clip, unite
from chunking.types import Span

SLACK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class LostRun:
    """Reference words in a row that were not heard. `where` they were said, if the corpus says so;
    else between the words around them that were heard, and so long around that place as so many
    words of this recording take: where people talk at once, the words around may leave no room."""

    positions: tuple[int, ...]
    words: str
    where: Span

    @property
    def is_counted(self) -> bool:
        return len(self.positions) >= LOST_RUN


def lost_runs(heard: Heard) -> list[LostRun]:
    """Every run of words that one system lost in one recording, however short.

    Words in a row that it wrote there in fewer are heard: "KG 60" of "k g 6 0".
    """
    alignment = heard.file.score.alignment
    columns = {id(pair): number for number, pair in enumerate(alignment)}
    found = ((run, columns[id(run[0])]) for run in runs(alignment, "deletion"))
    return [
        _lost(heard, run, column)
        for run, column in found
        if len(run) < LOST_RUN or not _is_written_in_fewer(run, alignment, column)
    ]


def _is_written_in_fewer(
    run: Sequence[AlignedPair], alignment: Sequence[AlignedPair], column: int
) -> bool:
    """Whether the words beside `run`, up to the next right ones, hold its letters in a row."""
    before = takewhile(lambda pair: pair.is_error, reversed(alignment[:column]))
    after = takewhile(lambda pair: pair.is_error, alignment[column + len(run) :])
    written = "".join(pair.hypothesis or "" for pair in (*reversed([*before]), *after))
    return "".join(pair.reference or "" for pair in run) in written


def _lost(heard: Heard, run: Sequence[AlignedPair], column: int) -> LostRun:
    positions = tuple(pair.position for pair in run)
    return LostRun(
        positions,
        " ".join(pair.reference or "" for pair in run),
        _said(heard, positions) or _between(heard, run, column),
    )


def _said(heard: Heard, positions: Sequence[int]) -> Span | None:
    """When the corpus says that these words were said."""
    times = [time for place in positions if (time := heard.reference_times[place]) is not None]
    return Span(min(t.start for t in times), max(t.end for t in times)) if times else None


def _between(heard: Heard, run: Sequence[AlignedPair], column: int) -> Span:
    """Between the words that were heard before `run` and behind it."""
    alignment = heard.file.score.alignment
    before = _nearest(heard, reversed(alignment[:column]))
    after = _nearest(heard, alignment[column + len(run) :])
    start = 0.0 if before is None else before.end
    end = heard.record.duration if after is None else after.start
    start, end = min(start, end), max(start, end)
    seconds = len(run) * _seconds_of_a_word(heard)
    if seconds <= end - start:
        return Span(start, end)
    start = (start + end - seconds) / 2
    start = max(min(start, heard.record.duration - seconds), 0.0)
    return Span(start, start + seconds)


def _seconds_of_a_word(heard: Heard) -> float:
    """How long a word takes on average in what was heard of this recording."""
    return fmean([span.end - span.start for span in heard.times if span is not None] or [0.0])


def _nearest(heard: Heard, pairs: Iterable[AlignedPair]) -> Span | None:
    """When the first of `pairs` that was heard, and has a time, was heard."""
    for pair in pairs:
        if pair.hypothesis_index is not None:
            span = heard.times[pair.hypothesis_index]
            if span is not None:
                return span
    return None


def counted_runs(heard: Heard) -> list[LostRun]:
    """Those of three words or more."""
    return [run for run in lost_runs(heard) if run.is_counted]


def is_heard_by(run: LostRun, other: Heard) -> bool:
    """Whether another system has half of the words or more right."""
    right = {p.position for p in other.file.score.alignment if p.operation == "hit"}
    return 2 * sum(position in right for position in run.positions) >= len(run.positions)


@dataclass(frozen=True, slots=True)
class SaidTwice:
    """Inserted words that repeat what stands right beside them; `time`: when the first was heard,
    `from_seam`: how far from the nearest seam that was; None where it is not known."""

    words: str
    time: float | None
    from_seam: float | None


def said_twice(heard: Heard) -> list[SaidTwice]:
    """In the order of the words."""
    seams = heard.record.heard.seams if heard.record.heard else ()
    found = []
    for run in duplicated_runs(heard.file.score.alignment):
        span = _nearest(heard, run)
        time = None if span is None else span.start
        words = " ".join(pair.hypothesis or "" for pair in run)
        found.append(SaidTwice(words, time, distance_from(seams, time)))
    return found


@dataclass(frozen=True, slots=True)
class Holes:
    """What a coverage report names, held against what was lost.

    `lost` runs of three words or more, of which `named`; `reported` stretches, of which `false`
    hold no lost word at all; `minutes` of sound.
    """

    lost: int = 0
    named: int = 0
    reported: int = 0
    false: int = 0
    minutes: float = 0.0

    def __add__(self, other: Holes) -> Holes:
        return Holes(
            self.lost + other.lost,
            self.named + other.named,
            self.reported + other.reported,
            self.false + other.false,
            self.minutes + other.minutes,
        )

    @property
    def recall(self) -> float | None:
        return self.named / self.lost if self.lost else None

    @property
    def false_in_ten_minutes(self) -> float | None:
        return 10 * self.false / self.minutes if self.minutes else None


def holes_in(heard: Heard) -> Holes | None:
    """None for a system without a coverage report."""
    found = heard.record.heard
    if found is None or found.account is None:
        return None
    reported = found.account.uncovered
    runs_lost = lost_runs(heard)
    long_ones = [run for run in runs_lost if run.is_counted]
    places = unite(_widened(run.where) for run in runs_lost)
    return Holes(
        lost=len(long_ones),
        named=sum(_touches(unite(reported), run.where) for run in long_ones),
        reported=len(reported),
        false=sum(not clip(places, span) for span in reported),
        minutes=heard.record.duration / 60,
    )


def _touches(reported: Sequence[Span], where: Span) -> bool:
    return bool(clip(reported, _widened(where)))


def _widened(span: Span) -> Span:
    return Span(max(span.start - SLACK_SECONDS, 0.0), span.end + SLACK_SECONDS)
