"""What an hour of sound costs in recordings of several lengths, and how much memory they take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benchmarks.human.tables import Table
from benchmarks.peers.registry import OURS
from benchmarks.records import FileRecord
from benchmarks.reports.figures import percent
from benchmarks.speed.processor.cells import counts_of, ratios, spread_cell
from benchmarks.speed.processor.plan import (
    Amount,
    Part,
    listening,
    problems,
    systems_of,
)
from benchmarks.speed.processor.recordings import choose, repeated
from benchmarks.speed.processor.turns import Answer, Turn

PRECISION: Final = "int8"
COLUMNS: Final = (
    "Minutes",
    "windows",
    "CPU s an hour",
    "to the first",
    "elapsed s",
    "peak MB",
    "WER",
)


def measure(amount: Amount) -> Part:
    """Every length in a process of its own, whose peak of memory is then the length's."""
    recordings = choose(amount.sound, amount.minutes, amount.sound_folder)
    items = {length: repeated(recordings, length) for length in amount.lengths}
    (system,) = systems_of(amount, (OURS,), (PRECISION,), max(amount.threads)) or (None,)
    if system is None:
        raise ValueError("the lengths are measured of ours alone: do not leave it out of --systems")
    openings = {one: listening(amount, system, minutes=one) for one in items}
    turns = [
        Turn(system.name, f"{length} minutes", openings[length], item.to_json(), number)
        for number in range(amount.rounds)
        for length, item in items.items()
    ]
    answers = amount.take(turns)
    by_length = {length: _records(answers, f"{length} minutes") for length in items}
    found = {length: records for length, records in by_length.items() if records}
    title = (
        f"{amount.model} {PRECISION}, {len(recordings)} recordings over and over\n"
        f"beam {amount.beam_size}, threads {max(amount.threads)}, rounds {amount.rounds}"
    )
    first = next(iter(found.values()), [])
    rows = tuple(_row(records, first) for records in found.values())
    note = (
        "An hour: processor seconds for 3,600 s of sound. Memory: of the whole process, model too."
    )
    table = Table(title, COLUMNS, rows, " ".join([note, *problems(answers)]), texts=0)
    return Part((table,), tuple(_figures(records) for records in found.values()))


def _records(answers: Sequence[Answer], what: str) -> list[FileRecord]:
    return [
        FileRecord.from_json(dict(one.row))
        for one in answers
        if one.turn.what == what and one.row is not None
    ]


def hourly(records: Sequence[FileRecord]) -> list[float]:
    """Processor seconds for an hour of sound, round by round."""
    return [3600 * one.cpu_seconds / one.duration for one in records]


def _row(records: Sequence[FileRecord], first: Sequence[FileRecord]) -> tuple[str, ...]:
    last = records[-1]
    windows = last.heard.windows if last.heard else None
    return (
        f"{last.duration / 60:.1f}",
        str(windows or 0),
        spread_cell(hourly(records)),
        spread_cell(ratios(hourly(first), hourly(records)), "x"),
        spread_cell([one.seconds for one in records]),
        f"{max(one.memory_bytes for one in records) / 1e6:.0f}",
        percent(counts_of([last]).error_rate),
    )


def _figures(records: Sequence[FileRecord]) -> dict[str, Any]:
    return {
        "minutes": records[-1].duration / 60,
        "cpu_seconds_an_hour": hourly(records),
        "elapsed_seconds": [one.seconds for one in records],
        "peak_memory_bytes": max(one.memory_bytes for one in records),
        "wer": counts_of([records[-1]]).error_rate,
    }
