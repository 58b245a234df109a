"""One recording alone, beside busy processes, and under a quota of processor time.

Under a quota each system is measured twice: with the threads that it takes by itself, and with as
many as the host has processors, which is what it would take if it did not see the quota.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.human.tables import Table
from benchmarks.peers.registry import OURS
from benchmarks.records import FileRecord
from benchmarks.reports.figures import ABSENT, percent
from benchmarks.speed.processor.busy import busy_processes
from benchmarks.speed.processor.cells import counts_of, ratios, spread_cell
from benchmarks.speed.processor.plan import (
    Amount,
    Part,
    System,
    absent,
    listening,
    problems,
    systems_of,
)
from benchmarks.speed.processor.quota import Quota, QuotaRefused, quota
from benchmarks.speed.processor.recordings import choose, nearest
from benchmarks.speed.processor.turns import Answer, Turn
from decoding.device.processors import usable_processors

KINDS: Final = (OURS, "faster-whisper-batched")
PRECISION: Final = "int8"
QUOTAS: Final = (1, 2)
SECONDS: Final = 150.0  # of the recording, or as near to it as there is one
COLUMNS: Final = ("Condition", "system", "elapsed s", "to alone", "CPU s", "WER")


@dataclass(frozen=True, slots=True)
class Condition:
    """`quota`: of so many processors; `threads`: forced, None: as the system chooses; `busy`:
    processes beside."""

    name: str
    quota: int | None = None
    threads: int | None = None
    busy: int = 0


def conditions(host: int, quotas: Sequence[int] = QUOTAS) -> list[Condition]:
    """Those that differ on a machine of `host` processors: a quota of all of them bounds nothing,
    and is told once."""
    found = [Condition("alone"), Condition(f"beside {host} busy", busy=host)]
    for count in quotas:
        if count > host:
            continue
        found.append(Condition(f"quota of {count}", quota=count))
        if count < host:
            found.append(Condition(f"quota of {count}\n{host} threads", count, host))
    return found


def measure(amount: Amount) -> Part:
    """On the recording that is nearest to two and a half minutes."""
    recordings = choose(amount.sound, amount.minutes, amount.sound_folder)
    one = nearest(recordings, SECONDS)
    host = usable_processors()
    systems = systems_of(amount, KINDS, (PRECISION,), None)
    with ExitStack() as stack:
        wanted, notes = _with_quotas(conditions(host), stack)
        turns = [
            _turn(amount, system, condition, group, one.item.to_json(), number)
            for number in range(amount.rounds)
            for condition, group in wanted
            for system in systems
        ]
        answers = amount.take(turns)
    names = [condition.name for condition, _ in wanted]
    title = (
        f"{amount.model} {PRECISION}, {one.seconds:.0f} s of {one.item.name}\n"
        f"beam {amount.beam_size}, rounds {amount.rounds}, processors {host}"
    )
    notes += [*absent(amount, KINDS), *problems(answers), _skipped(host)]
    found = {
        (name, system): records
        for name in names
        for system in systems
        if (records := _records(answers, name, system))
    }
    return Part((_table(title, found, notes),), tuple(_figures(*entry) for entry in found.items()))


def _skipped(host: int) -> str:
    """What this machine cannot show."""
    larger = [str(count) for count in QUOTAS if count > host]
    return f"No quota of {', '.join(larger)}: {host} processors here." if larger else ""


def _with_quotas(
    wanted: Sequence[Condition], stack: ExitStack, make: Callable[..., Any] = quota
) -> tuple[list[tuple[Condition, Quota | None]], list[str]]:
    """Each condition with its group; those whose group cannot be made are left out, and told."""
    groups: dict[int | None, Quota | None] = {None: None}
    notes: list[str] = []
    for count in sorted({one.quota for one in wanted if one.quota is not None}):
        try:
            groups[count] = stack.enter_context(make(count))
        except QuotaRefused as error:
            notes.append(f"Not measured: a quota of {count}, for {error}.")
    return [(one, groups[one.quota]) for one in wanted if one.quota in groups], notes


def _turn(
    amount: Amount,
    system: System,
    condition: Condition,
    group: Quota | None,
    asked: Mapping[str, Any],
    number: int,
) -> Turn:
    chosen = System(system.kind, system.precision, condition.threads)
    opening = listening(amount, chosen, quota=condition.quota)
    if group is not None:
        opening = opening.entering(group.enter)
    beside = partial(busy_processes, condition.busy)
    return Turn(system.name, condition.name, opening, asked, number, beside)


def _records(answers: Sequence[Answer], name: str, system: System) -> list[FileRecord]:
    return [
        FileRecord.from_json(dict(one.row))
        for one in answers
        if one.row is not None and (one.turn.what, one.turn.system) == (name, system.name)
    ]


Found = Mapping[tuple[str, System], Sequence[FileRecord]]


def _table(title: str, found: Found, notes: Sequence[str]) -> Table:
    rows = []
    for (name, system), records in found.items():
        alone = [one.seconds for one in found.get(("alone", system), ())]
        times = ratios(alone, [one.seconds for one in records])
        rows.append(
            (
                name,
                system.cell,
                spread_cell([one.seconds for one in records]),
                spread_cell(times, "x") if times else ABSENT,
                spread_cell([one.cpu_seconds for one in records]),
                percent(counts_of(records[-1:]).error_rate),
            )
        )
    told = (
        "To alone: elapsed seconds for each second alone, round by round. Threads: as the system "
        "chooses, where none are named; with as many as the host has, it does not see the quota."
    )
    return Table(title, COLUMNS, tuple(rows), " ".join([told, *filter(None, notes)]), texts=2)


def _figures(key: tuple[str, System], records: Sequence[FileRecord]) -> dict[str, Any]:
    return {
        "condition": key[0].replace("\n", ", "),
        "system": key[1].name,
        "elapsed_seconds": [one.seconds for one in records],
        "cpu_seconds": [one.cpu_seconds for one in records],
        "wer": counts_of(records[-1:]).error_rate,
    }
