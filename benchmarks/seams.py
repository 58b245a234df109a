"""Do the places where windows are joined cost words? Measured on the same words, twice.

A recording is transcribed with its windows' grid in two phases, so that what lies at a seam in
one run lies inside a window in the other. Errors at seams are compared with errors on the very
same words away from seams: neither hard passages nor the model's own errors count as the seam's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.alignment import AlignedPair
from benchmarks.evaluation import FileEvaluation, SystemEvaluation
from benchmarks.formats.types import TimedWord
from benchmarks.items import AudioPart, Item
from benchmarks.normalizers import Normalizer, normalizer_named
from benchmarks.sound import write_wave
from benchmarks.statistics import (
    DRAWS,
    LEVEL,
    SEED,
    Interval,
    Significance,
    errors_by_position,
    mcnemar,
)
from benchmarks.symptoms import LOST_RUN, runs
from benchmarks.timing import Times, times_of_words
from decoding.types import SAMPLE_RATE

ZONE_SECONDS: Final = 2.0
PHASE_SECONDS: Final = 12.5
LONGEST_COPY: Final = 8  # words; a longer copy of what stands beside it is a loop, not a seam


@dataclass(frozen=True, slots=True)
class Phase:
    """One run: its alignment, when each reference word was said, and where it was joined.

    Times and seams are on this run's own clock. Both phases have the same reference positions.
    """

    alignment: tuple[AlignedPair, ...]
    times: Times
    seams: tuple[float, ...]
    name: str = ""

    @classmethod
    def of(cls, file: FileEvaluation) -> Phase:
        """Of a scored recording whose reference words have times."""
        normalizer = normalizer_named(file.score.normalizer)
        return cls(
            file.score.alignment,
            reference_times(file.record.item, normalizer),
            file.record.heard.seams if file.record.heard else (),
            file.record.item.name,
        )

    @property
    def errors(self) -> int:
        return sum(pair.is_error for pair in self.alignment)

    def errors_by_position(self) -> NDArray[np.int64]:
        """Shape (words + 1,): an insertion counts before its word."""
        return errors_by_position(self.alignment, len(self.times))

    def zones(self) -> list[list[int]]:
        """Reference positions within two seconds of each seam; a word belongs to one seam."""
        zones: list[list[int]] = [[] for _ in self.seams]
        for position, span in enumerate(self.times):
            if span is not None and self.seams:
                middle = (span.start + span.end) / 2
                nearest = min(range(len(self.seams)), key=lambda n: abs(self.seams[n] - middle))
                if abs(self.seams[nearest] - middle) <= ZONE_SECONDS:
                    zones[nearest].append(position)
        return zones


def reference_times(item: Item, normalizer: Normalizer) -> Times:
    """When each normalised reference word was said."""
    return times_of_words(normalizer.words(item.reference), item.words, normalizer)


@dataclass(frozen=True, slots=True)
class Case:
    """Words lost in a row, or said twice: what somebody should look at, one by one.

    `time` is when, on the clock of `recording`, which is one of the two phases. `seam_distance`:
    seconds to the nearest seam of that phase. `is_elsewhere`: the other phase errs here too, so
    that windows which lie otherwise hear no better.
    """

    recording: str
    kind: Literal["lost", "twice"]
    time: float | None
    seam_distance: float | None
    words: str
    is_elsewhere: bool


@dataclass(frozen=True, slots=True)
class SeamReport:
    """Figures of one or more recordings, each in two phases.

    `excess`: errors more at a seam than on the same words inside a window, for one seam.
    `duplicates` and `lost_runs` (three words or more) lie in seam zones; `only_at_seam` and
    `only_inside` are words wrong in one of the two places only. `words` were said; `errors` were
    made in them in either phase, wherever they lie; `cases` are all lost runs and duplicates.
    """

    seams: int
    words_in: int
    errors_in: int
    words_out: int
    errors_out: int
    excess: Interval | None
    duplicates: int
    lost_runs: int
    only_at_seam: int
    only_inside: int
    words: int = 0
    errors: tuple[int, int] = (0, 0)
    cases: tuple[Case, ...] = ()

    @property
    def rates(self) -> tuple[float, float] | None:
        """Word error rate of either phase."""
        first, second = self.errors
        return (first / self.words, second / self.words) if self.words else None

    @property
    def rate_in(self) -> float | None:
        return self.errors_in / self.words_in if self.words_in else None

    @property
    def rate_out(self) -> float | None:
        return self.errors_out / self.words_out if self.words_out else None

    @property
    def mcnemar(self) -> Significance:
        return mcnemar(self.only_at_seam, self.only_inside)


def both_phases(evaluation: SystemEvaluation, items: Sequence[Item]) -> list[tuple[Phase, Phase]]:
    """Each of `items` with its shifted copy, where both were transcribed."""
    files = {file.record.item.name: file for file in evaluation.files}
    return [
        (Phase.of(files[item.name]), Phase.of(files[shifted_name(item)]))
        for item in items
        if item.name in files and shifted_name(item) in files
    ]


def shifted_name(item: Item, seconds: float = PHASE_SECONDS) -> str:
    return f"{item.name}+{seconds:g}s"


def report_on(pairs: Sequence[tuple[Phase, Phase]]) -> SeamReport:
    """Pools recordings. Zones of one phase that touch a zone of the other are left out."""
    differences: list[float] = []
    totals = np.zeros(4, dtype=np.int64)
    symptoms = np.zeros(2, dtype=np.int64)
    only = np.zeros(2, dtype=np.int64)
    for pair in pairs:
        differences += excess_at_seams(pair)
        for own, other in (pair, pair[::-1]):
            seen = _one_phase(own, other)
            totals += seen.totals
            symptoms += seen.symptoms
            only += seen.only
    words_in, errors_in, words_out, errors_out = totals.tolist()
    return SeamReport(
        seams=len(differences),
        words_in=words_in,
        errors_in=errors_in,
        words_out=words_out,
        errors_out=errors_out,
        excess=mean_interval(differences),
        duplicates=int(symptoms[0]),
        lost_runs=int(symptoms[1]),
        only_at_seam=int(only[0]),
        only_inside=int(only[1]),
        words=sum(len(first.times) for first, _ in pairs),
        errors=(sum(a.errors for a, _ in pairs), sum(b.errors for _, b in pairs)),
        cases=tuple(
            case
            for pair in pairs
            for own, other in (pair, pair[::-1])
            for case in find_cases(own, other)
        ),
    )


def excess_at_seams(phases: Sequence[Phase]) -> list[float]:
    """For each seam its errors less what the other phases make there on average.

    Of one recording; all have the same positions. Only phases without a seam there are asked; a
    seam with one in all of them is left out.
    """
    errors = [phase.errors_by_position() for phase in phases]
    zones = [[zone for zone in phase.zones() if zone] for phase in phases]
    near = [{position for zone in seams for position in zone} for seams in zones]
    found = []
    for own, seams in enumerate(zones):
        for zone in seams:
            elsewhere = [
                errors[other][zone].sum()
                for other in range(len(phases))
                if other != own and not near[other].intersection(zone)
            ]
            if elsewhere:
                found.append(float(errors[own][zone].sum() - np.mean(elsewhere)))
    return found


def find_cases(own: Phase, other: Phase) -> list[Case]:
    """Lost runs and duplicates of one phase, in order."""
    wrong = other.errors_by_position() > 0
    found: list[tuple[int, int, Literal["lost", "twice"], str]] = []
    for run in runs(own.alignment, "deletion"):
        if len(run) >= LOST_RUN:
            said = " ".join(pair.reference or "" for pair in run)
            found.append((run[0].position, len(run), "lost", said))
    for run in duplicated_runs(own.alignment):
        heard = " ".join(pair.hypothesis or "" for pair in run)
        found.append((run[0].position, 1, "twice", heard))
    return [
        _case(own, position, kind, words, bool(wrong[position : position + size].any()))
        for position, size, kind, words in sorted(found)
    ]


def _case(
    phase: Phase, position: int, kind: Literal["lost", "twice"], words: str, is_elsewhere: bool
) -> Case:
    span = phase.times[min(position, len(phase.times) - 1)] if phase.times else None
    time = None if span is None else span.start
    distance = distance_from(phase.seams, time)
    return Case(phase.name, kind, time, distance, words, is_elsewhere)


def distance_from(seams: Sequence[float], time: float | None) -> float | None:
    """Seconds from a time to the nearest seam; None where either is not known."""
    return None if time is None else min((abs(seam - time) for seam in seams), default=None)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Sums of one phase against the other, in the order of `SeamReport`'s fields."""

    totals: NDArray[np.int64]
    symptoms: NDArray[np.int64]
    only: NDArray[np.int64]


def _one_phase(own: Phase, other: Phase) -> _Seen:
    mine, theirs = own.errors_by_position(), other.errors_by_position()
    elsewhere = {position for zone in other.zones() for position in zone}
    zones = [zone for zone in own.zones() if zone and not elsewhere.intersection(zone)]
    inside = {position for zone in own.zones() for position in zone}
    zone_positions = np.array([p for zone in zones for p in zone], dtype=np.int64)
    interior = [p for p, span in enumerate(own.times) if span is not None and p not in inside]
    wrong, right = mine[zone_positions] > 0, theirs[zone_positions] > 0
    return _Seen(
        np.array(
            [len(zone_positions), mine[zone_positions].sum(), len(interior), mine[interior].sum()],
            dtype=np.int64,
        ),
        np.array(
            [
                sum(p in inside for p in duplicated_positions(own.alignment)),
                sum(
                    len(run) >= LOST_RUN and any(pair.position in inside for pair in run)
                    for run in runs(own.alignment, "deletion")
                ),
            ],
            dtype=np.int64,
        ),
        np.array([np.sum(wrong & ~right), np.sum(right & ~wrong)], dtype=np.int64),
    )


def duplicated_positions(alignment: Sequence[AlignedPair]) -> list[int]:
    """Where inserted words repeat the words right before or right after them."""
    return [run[0].position for run in duplicated_runs(alignment)]


def duplicated_runs(alignment: Sequence[AlignedPair]) -> list[list[AlignedPair]]:
    """Inserted words that repeat the words right before or right after them."""
    heard = [pair.hypothesis for pair in alignment if pair.hypothesis is not None]
    found = []
    for run in runs(alignment, "insertion"):
        first, size = run[0].hypothesis_index, len(run)
        assert first is not None
        copy = heard[first : first + size]
        before, after = heard[max(first - size, 0) : first], heard[first + size : first + 2 * size]
        if size <= LONGEST_COPY and copy in (before, after):
            found.append(run)
    return found


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Mean with its bootstrap interval over seams."""
    if not values:
        return None
    sample = np.array(values, dtype=np.float64)
    generator = np.random.default_rng(SEED)
    counts = generator.multinomial(len(sample), np.full(len(sample), 1 / len(sample)), size=DRAWS)
    means = counts @ sample / len(sample)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(sample.mean()), float(low), float(high))


def shifted(item: Item, folder: Path, seconds: float = PHASE_SECONDS) -> Item:
    """The same recording after `seconds` of silence: windows move against its words."""
    folder.mkdir(parents=True, exist_ok=True)
    silence = folder / f"silence-{seconds:g}.wav"
    write_wave(silence, np.zeros(round(seconds * SAMPLE_RATE), dtype=np.int16))
    return replace(
        item,
        name=shifted_name(item, seconds),
        parts=(AudioPart(silence), *item.parts),
        words=tuple(TimedWord(w.text, w.start + seconds, w.end + seconds) for w in item.words),
    )
