"""What a rate does not show: words made up, said twice or lost in a row, and where.

Everything is counted on normalised words or on the columns of an alignment; no rate is computed
for a reference without words.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.alignment import AlignedPair

NGRAM = 5
LOST_RUN = 3
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Symptoms:
    """Counts over one text; `+` pools them (runs keep the longest).

    `repeated_ngrams`: occurrences of 5-grams heard twice or more, beyond those said.
    `duplicates`, `reference_duplicates`: 5-grams minus distinct 5-grams; the reference has some
    too, because people repeat themselves. `lost_runs`: deletions of three words or more in a row.
    """

    repeated_ngrams: int = 0
    duplicates: int = 0
    reference_duplicates: int = 0
    longest_insertion: int = 0
    longest_deletion: int = 0
    lost_runs: int = 0

    def __add__(self, other: Symptoms) -> Symptoms:
        return Symptoms(
            self.repeated_ngrams + other.repeated_ngrams,
            self.duplicates + other.duplicates,
            self.reference_duplicates + other.reference_duplicates,
            max(self.longest_insertion, other.longest_insertion),
            max(self.longest_deletion, other.longest_deletion),
            self.lost_runs + other.lost_runs,
        )


def find_symptoms(alignment: Sequence[AlignedPair]) -> Symptoms:
    """Symptoms of one text from its alignment."""
    spoken = [pair.reference for pair in alignment if pair.reference is not None]
    heard = [pair.hypothesis for pair in alignment if pair.hypothesis is not None]
    deleted = list(runs(alignment, "deletion"))
    return Symptoms(
        repeated_ngrams=repeated_ngrams(spoken, heard),
        duplicates=duplicate_ngrams(heard),
        reference_duplicates=duplicate_ngrams(spoken),
        longest_insertion=max(map(len, runs(alignment, "insertion")), default=0),
        longest_deletion=max(map(len, deleted), default=0),
        lost_runs=sum(len(run) >= LOST_RUN for run in deleted),
    )


def ngrams(words: Sequence[str], size: int = NGRAM) -> Iterator[tuple[str, ...]]:
    """Every run of `size` words."""
    return (tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def repeated_ngrams(spoken: Sequence[str], heard: Sequence[str], size: int = NGRAM) -> int:
    """Occurrences of an n-gram heard twice or more, beyond the first and beyond those said."""
    said = Counter(ngrams(spoken, size))
    return sum(
        max(0, count - max(said[gram], 1)) for gram, count in Counter(ngrams(heard, size)).items()
    )


def duplicate_ngrams(words: Sequence[str], size: int = NGRAM) -> int:
    """N-grams minus distinct n-grams: "5-Dup" of the Distil-Whisper paper for one text."""
    counts = Counter(ngrams(words, size))
    return sum(counts.values()) - len(counts)


def runs(alignment: Iterable[AlignedPair], operation: str) -> Iterator[list[AlignedPair]]:
    """Maximal stretches of columns that all are `operation`."""
    run: list[AlignedPair] = []
    for pair in alignment:
        if pair.operation == operation:
            run.append(pair)
        elif run:
            yield run
            run = []
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class Bin:
    """Errors and reference words that fall between `start` and `end` (seconds, or distance)."""

    start: float
    end: float
    errors: int
    words: int


def errors_per_minute(
    alignment: Sequence[AlignedPair], times: Sequence[float | None]
) -> tuple[Bin, ...]:
    """Errors in each minute of the recording: a rate that climbs is drift."""
    timed = [(time, pair) for time, pair in zip(times, alignment, strict=True) if time is not None]
    if not timed:
        return ()
    minutes = int(max(time for time, _ in timed) // MINUTE) + 1
    edges = [n * MINUTE for n in range(minutes + 1)]
    return _binned(timed, edges)


SEAM_DISTANCES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, float("inf"))


def errors_by_seam_distance(
    alignment: Sequence[AlignedPair], times: Sequence[float | None], seams: Sequence[float]
) -> tuple[Bin, ...]:
    """Errors by how far (seconds) they lie from the nearest seam; empty without seams."""
    if not seams:
        return ()
    ordered = sorted(seams)
    timed = [
        (_distance(time, ordered), pair)
        for time, pair in zip(times, alignment, strict=True)
        if time is not None
    ]
    return _binned(timed, SEAM_DISTANCES)


def _distance(time: float, ordered: Sequence[float]) -> float:
    """From `time` to the nearest of `ordered`."""
    after = bisect_left(ordered, time)
    return min(abs(time - place) for place in ordered[max(after - 1, 0) : after + 1])


def _binned(placed: Sequence[tuple[float, AlignedPair]], edges: Sequence[float]) -> tuple[Bin, ...]:
    errors = [0] * (len(edges) - 1)
    words = [0] * (len(edges) - 1)
    for place, pair in placed:
        index = min(max(bisect_right(edges, place) - 1, 0), len(errors) - 1)
        errors[index] += pair.is_error
        words[index] += pair.reference is not None
    return tuple(Bin(edges[n], edges[n + 1], errors[n], words[n]) for n in range(len(edges) - 1))
