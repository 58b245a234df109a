"""The same speech with windows that begin elsewhere: less chance in a rate, and what seams cost.

Where windows end decides what Whisper writes, so one lie of the windows is one draw of many. Each
phase is another; errors are averaged over them before systems are compared. At a seam of one phase
the others tell what the same words cost inside a window.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import add
from statistics import median

import numpy as np

from benchmarks.human.losses import counted_runs
from benchmarks.human.study import Heard, Measured, Study
from benchmarks.human.tables import GROUPS, Table, chosen
from benchmarks.human.types import SPEECH
from benchmarks.reports.figures import ABSENT, difference, errors_more, percent
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
    names = dict.fromkeys(one.name for one in study.moved)
    rows = [_rates_row(study, name, group) for group in GROUPS for name in names]
    return Table(
        "Windows moved",
        ("Kind", "System", "Phases", "WER of one phase", "Mean", "Ours less (95 %)"),
        tuple(row for row in rows if row),
        "Errors are averaged over the phases that both were heard in, then compared as above: "
        "paired, by blocks of a minute.",
        texts=2,
    )


def _rates_row(study: Study, name: str, group: str) -> tuple[str, ...]:
    """Empty without words that both have heard in two phases."""
    theirs, ours = study.phases_of(name), study.phases_of(study.ours.name)
    phases = [phase for phase in theirs if phase in ours]
    of_theirs, of_ours = (
        _heard_in_all([by_phase[phase] for phase in phases], group) for by_phase in (theirs, ours)
    )
    shared = [recording for recording in of_theirs if recording in of_ours]
    mean = average(of_theirs[recording] for recording in shared)
    if mean.rate is None:
        return ()
    every = zip(*(of_theirs[recording] for recording in shared), strict=True)
    pooled = (_added(one.file.blocks for one in phase).rate for phase in every)
    rates = [rate for rate in pooled if rate is not None]
    found = compare(mean, average(of_ours[recording] for recording in shared))
    return (
        group,
        name,
        str(len(rates)),
        " … ".join(percent(rate) for rate in (min(rates), max(rates))),
        percent(mean.rate),
        ABSENT if name == study.ours.name else difference(found),
    )


def _heard_in_all(phases: Sequence[Measured], group: str) -> dict[str, list[Heard]]:
    """By name the recordings that each of two phases or more has heard, phase by phase."""
    by_name = [{one.recording.item.name: one for one in chosen(m, group)} for m in phases]
    if len(by_name) < 2:
        return {}
    return {
        name: [heard[name] for heard in by_name]
        for name in by_name[0]
        if all(name in heard for heard in by_name)
    }


def average(recordings: Iterable[Sequence[Heard]]) -> Blocks:
    """Errors of each block, the mean over the phases of its recording."""
    return _added(
        Blocks(
            np.mean([one.file.blocks.errors for one in phases], axis=0),
            phases[0].file.blocks.words,
        )
        for phases in recordings
    )


def _added(blocks: Iterable[Blocks]) -> Blocks:
    return reduce(add, blocks, NO_BLOCKS)


def _seams(study: Study) -> Table:
    rows = []
    for title, kinds in (("all", SPEECH), (" and ".join(CLEAR), CLEAR)):
        measured = [*study.phases_of(study.ours.name).values()]
        seams, excess, lost, twice = 0, list[float](), 0, 0
        for heard in (h for kind in kinds for h in _heard_in_all(measured, kind).values()):
            phases = phases_of_recording(heard)
            excess += excess_at_seams(phases)
            for one, phase in zip(heard, phases, strict=True):
                zones = [zone for zone in phase.zones() if zone]
                near = {position for zone in zones for position in zone}
                seams += len(zones)
                lost += sum(not near.isdisjoint(run.positions) for run in counted_runs(one))
                twice += sum(place in near for place in duplicated_positions(phase.alignment))
        if seams:
            cost = errors_more(mean_interval(excess))
            rows.append((title, str(seams), str(twice), str(lost), str(len(excess)), cost))
    return Table(
        "What a seam costs us",
        ("Kind", "Seams", "Said twice", "Lost runs", "Compared", "Errors more for a seam (95 %)"),
        tuple(rows),
        "Within two seconds of a seam. Compared are seams where another phase has none: its "
        "errors on the same words, the mean of all such phases, are taken off.",
    )


def phases_of_recording(heard: Sequence[Heard]) -> list[Phase]:
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
