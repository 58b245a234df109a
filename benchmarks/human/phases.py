"""The same speech with windows that begin elsewhere: less chance in a rate, and what seams cost.

Where windows end decides what Whisper writes, so one lie of the windows is one draw of many. Each
phase is another; errors are averaged over them before systems are compared. At a seam of one phase
the others tell what the same words cost inside a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from statistics import median

import numpy as np

from benchmarks.human.losses import counted_runs
from benchmarks.human.study import Heard, Measured, Study
from benchmarks.human.tables import GROUPS, Table, chosen
from benchmarks.human.types import SPEECH
from benchmarks.reports.figures import ABSENT, difference, percent
from benchmarks.seams import Phase, duplicated_positions, excess_at_seams, mean_interval
from benchmarks.statistics import NO_BLOCKS, Blocks, compare
from benchmarks.timing import Times
from chunking.types import Span

CLEAR: tuple[str, ...] = ("read", "spoken")
"""Kinds of one voice at a time, near the microphone."""


def phase_tables(study: Study) -> Iterator[Table]:
    """Nothing where no windows were moved."""
    yield _rates(study)
    yield _seams(study)


def _rates(study: Study) -> Table:
    moved = dict.fromkeys(one.name for one in study.moved)
    rows = []
    for group in GROUPS:
        ours = _in_all_phases(study.phases_of(study.ours.name), group)
        for name in moved:
            theirs = _in_all_phases(study.phases_of(name), group)
            shared = [recording for recording in theirs if recording in ours]
            if shared:
                blocks = average(theirs[one] for one in shared)
                compared = compare(blocks, average(ours[one] for one in shared))
                rates = [_rate(phase) for phase in zip(*(theirs[o] for o in shared), strict=True)]
                rows.append(
                    (
                        group,
                        name,
                        str(len(rates)),
                        f"{percent(min(rates))} … {percent(max(rates))}",
                        percent(blocks.rate),
                        ABSENT if name == study.ours.name else difference(compared),
                    )
                )
    return Table(
        "Windows moved",
        ("Kind", "System", "Phases", "WER of one phase", "Mean", "Ours less (95 %)"),
        tuple(rows),
        "Errors are averaged over the phases, then compared as above: paired, by blocks of a "
        "minute.",
        texts=2,
    )


def _in_all_phases(phases: Sequence[Measured], group: str) -> dict[str, list[Heard]]:
    """By name the recordings that every phase has heard, in the order of the phases."""
    by_name = [{one.recording.item.name: one for one in chosen(m, group)} for m in phases]
    if len(by_name) < 2:
        return {}
    return {
        name: [heard[name] for heard in by_name]
        for name in by_name[0]
        if all(name in heard for heard in by_name)
    }


def average(recordings: Iterator[list[Heard]]) -> Blocks:
    """Errors of each block, the mean over the phases of its recording."""
    means = []
    for phases in recordings:
        errors = np.mean([one.file.blocks.errors for one in phases], axis=0)
        means.append(Blocks(errors, phases[0].file.blocks.words))
    return reduce(add, means, NO_BLOCKS)


def _rate(heard: Sequence[Heard]) -> float:
    """Pooled over the recordings of one phase; 0 without a word."""
    return reduce(add, (one.file.blocks for one in heard), NO_BLOCKS).rate or 0.0


def _seams(study: Study) -> Table:
    rows = []
    for title, kinds in (("all", SPEECH), (" and ".join(CLEAR), CLEAR)):
        recordings = [
            phases
            for kind in kinds
            for phases in _in_all_phases(study.phases_of(study.ours.name), kind).values()
        ]
        excess, lost, twice = [], 0, 0
        for heard in recordings:
            phases = phases_of(heard)
            excess += excess_at_seams(phases)
            near = [{p for zone in phase.zones() for p in zone} for phase in phases]
            twice += sum(
                position in zones
                for phase, zones in zip(phases, near, strict=True)
                for position in duplicated_positions(phase.alignment)
            )
            lost += sum(
                not zones.isdisjoint(run.positions)
                for one, zones in zip(heard, near, strict=True)
                for run in counted_runs(one)
            )
        found = mean_interval(excess)
        if found is not None:
            told = f"{found.value:+.3f} ({found.low:+.3f} … {found.high:+.3f})"
            rows.append((title, str(len(excess)), told, str(twice), str(lost)))
    return Table(
        "What a seam costs us",
        ("Kind", "Seams", "Errors more for a seam (95 %)", "Said twice", "Lost runs"),
        tuple(rows),
        "Within two seconds of a seam: errors less those that the other phases make on the same "
        "words on average, where they have no seam.",
    )


def phases_of(heard: Sequence[Heard]) -> list[Phase]:
    """One recording in each of its phases, all with the same times of its words."""
    times = agreed_times(heard)
    return [
        Phase(
            one.file.score.alignment,
            times,
            one.record.heard.seams if one.record.heard else (),
            one.recording.item.name,
        )
        for one in heard
    ]


def agreed_times(heard: Sequence[Heard]) -> Times:
    """When each word was said: as the corpus says, else the median of the phases that heard it."""
    written: list[list[Span]] = [[] for _ in range(heard[0].file.positions)]
    for one in heard:
        for pair in one.file.score.alignment:
            if pair.operation == "hit" and pair.hypothesis_index is not None:
                span = one.times[pair.hypothesis_index]
                if span is not None:
                    written[pair.position].append(span)
    known = heard[0].reference_times
    return tuple(
        said or (_middle(spans) if spans else None)
        for said, spans in zip(known, written, strict=True)
    )


def _middle(spans: Sequence[Span]) -> Span:
    return Span(median(span.start for span in spans), median(span.end for span in spans))
