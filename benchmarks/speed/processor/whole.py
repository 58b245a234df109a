"""Whole files: us beside faster-whisper on the same weights, and where our seconds go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.human.tables import Table
from benchmarks.peers.types import Account
from benchmarks.records import FileRecord
from benchmarks.reports.figures import ABSENT, percent
from benchmarks.speed.processor.cells import (
    counts_of,
    errors_cell,
    ratios,
    spread_cell,
)
from benchmarks.speed.processor.plan import (
    PRECISIONS,
    WHOLE,
    Amount,
    Part,
    System,
    absent,
    listening,
    problems,
    rotated,
    systems_of,
)
from benchmarks.speed.processor.recordings import choose, total_seconds
from benchmarks.speed.processor.turns import Answer, Turn

COLUMNS: Final = (
    "System",
    "CPU s",
    "elapsed s",
    "CPU to ours",
    "WER",
    "sub/del/ins",
)


@dataclass(frozen=True, slots=True)
class Rounds:
    """All recordings as one system heard them, round by round."""

    system: System
    rounds: tuple[tuple[FileRecord, ...], ...]

    @property
    def cpu(self) -> list[float]:
        return [sum(one.cpu_seconds for one in records) for records in self.rounds]

    @property
    def elapsed(self) -> list[float]:
        return [sum(one.seconds for one in records) for records in self.rounds]

    @property
    def is_steady(self) -> bool:
        """Whether every round heard the same words."""
        return len({tuple(one.heard.text for one in r if one.heard) for r in self.rounds}) == 1


def turns(amount: Amount, systems: Sequence[System], recordings: Sequence[Any]) -> list[Turn]:
    """Every system on a recording before the next recording; another goes first in each round."""
    openings = {system: listening(amount, system) for system in systems}
    return [
        Turn(system.name, one.item.name, openings[system], one.item.to_json(), number)
        for number in range(amount.rounds)
        for one in recordings
        for system in rotated(systems, number)
    ]


def measure(amount: Amount) -> Part:
    """Transcribes what is missing. Raises ValueError without recordings."""
    recordings = choose(amount.sound, amount.minutes, amount.sound_folder)
    systems = systems_of(amount, WHOLE, PRECISIONS, max(amount.threads))
    answers = amount.take(turns(amount, systems, recordings))
    found = [rounds for system in systems if (rounds := _rounds(system, answers)) is not None]
    title = (
        f"{amount.model}, {len(recordings)} recordings of {total_seconds(recordings):.0f} s in "
        f"all\nbeam {amount.beam_size}, word times, threads {max(amount.threads)}, "
        f"rounds {amount.rounds}"
    )
    notes = [*absent(amount, WHOLE), *problems(answers), *_unsteady(found)]
    tables = [_beside_others(title, found, notes)]
    if any(one.system.is_ours for one in found):
        tables.append(_seconds([one for one in found if one.system.is_ours]))
    return Part(tuple(tables), tuple(figures(one) for one in found))


def _rounds(system: System, answers: Sequence[Answer]) -> Rounds | None:
    """None where a round lacks a recording."""
    mine = [one for one in answers if one.turn.system == system.name]
    if not mine or any(one.row is None for one in mine):
        return None
    numbers = sorted({one.turn.number for one in mine})
    return Rounds(
        system,
        tuple(
            tuple(
                FileRecord.from_json(dict(one.row))
                for one in mine
                if one.turn.number == number and one.row is not None
            )
            for number in numbers
        ),
    )


def _beside_others(title: str, found: Sequence[Rounds], notes: Sequence[str]) -> Table:
    rows = []
    for one in found:
        own = None if one.system.is_ours else _own(one, found)
        counts = counts_of(one.rounds[-1])
        rows.append(
            (
                one.system.cell,
                spread_cell(one.cpu),
                spread_cell(one.elapsed),
                ABSENT if own is None else spread_cell(ratios(own.cpu, one.cpu), "x"),
                percent(counts.error_rate),
                errors_cell(counts),
            )
        )
    return Table(
        title,
        COLUMNS,
        tuple(rows),
        " ".join(
            [
                "CPU: all threads and ffmpeg. To ours: processor time for each second of ours at "
                "the same precision, round by round; above 1 we are faster. Below each median the "
                "least and the most. WER by openai-english.",
                *notes,
            ]
        ),
    )


def _own(one: Rounds, found: Sequence[Rounds]) -> Rounds | None:
    """Ours at the same precision."""
    same = (o for o in found if o.system.is_ours and o.system.precision == one.system.precision)
    return next(same, None)


def _unsteady(found: Sequence[Rounds]) -> list[str]:
    return [
        f"{one.system.name} heard other words in another round."
        for one in found
        if not one.is_steady
    ]


def stages_of(records: Sequence[FileRecord]) -> dict[str, float]:
    """Our processor seconds by what was done, in the order of the work; they add up to all."""
    accounts = _accounts(records)
    own = _added([account.cpu_seconds for account in accounts])
    engine = _added([account.engine_seconds for account in accounts])
    stages = {
        "decode": own.get("decode", 0.0),
        "detectors": own.get("detectors", 0.0),
        **engine,
        "rest of the windows": own.get("windows", 0.0) - sum(engine.values()),
        "merge": own.get("merge", 0.0),
    }
    total = sum(record.cpu_seconds for record in records)
    return {**stages, "all else": total - sum(stages.values())}


def _added(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in several for name in one)
    return {name: sum(one.get(name, 0.0) for one in several) for name in names}


def _accounts(records: Sequence[FileRecord]) -> list[Account]:
    return [
        record.heard.account
        for record in records
        if record.heard is not None and record.heard.account is not None
    ]


def repairs_of(records: Sequence[FileRecord]) -> tuple[int, int]:
    """Windows of the plan, and those that were decoded besides."""
    accounts = _accounts(records)
    return sum(a.planned for a in accounts), sum(a.repairs for a in accounts)


def _seconds(ours: Sequence[Rounds]) -> Table:
    by_system = [[stages_of(records) for records in one.rounds] for one in ours]
    rows = []
    for stage in dict.fromkeys(name for rounds in by_system for one in rounds for name in one):
        row = [stage]
        for one, rounds in zip(ours, by_system, strict=True):
            seconds = [found.get(stage, 0.0) for found in rounds]
            row += [spread_cell(seconds), percent(median(seconds) / median(one.cpu), 1)]
        rows.append(tuple(row))
    repairs = ["of it repairs' windows"]
    for one in ours:
        planned, besides = repairs_of(one.rounds[-1])
        spent = [sum(a.repair_seconds for a in _accounts(records)) for records in one.rounds]
        repairs += [spread_cell(spent), f"{besides} of {planned + besides}"]
    rows.append(tuple(repairs))
    columns = [head for one in ours for head in (f"{one.system.precision}, CPU s", "share")]
    return Table(
        "Where our seconds go",
        ("Stage", *columns),
        tuple(rows),
        "Decode: ffmpeg. Detectors: voice activity and the second detector. Repairs: windows "
        "beside the plan, so many of all; what windows did together they share in equal parts.",
    )


def figures(one: Rounds) -> dict[str, Any]:
    """One system's numbers."""
    counts = counts_of(one.rounds[-1])
    return {
        "system": one.system.name,
        "cpu_seconds": one.cpu,
        "elapsed_seconds": one.elapsed,
        "wer": counts.error_rate,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "stages": [stages_of(records) for records in one.rounds] if one.system.is_ours else None,
    }
