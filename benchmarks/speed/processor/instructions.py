"""Windows on each set of instructions that the processor can pretend to have, beside CTranslate2.

Weights are random and every window has the same number of tokens, so there are no words to score:
what a precision costs in words, whole files tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from benchmarks.human.tables import Table
from benchmarks.machine import our_source
from benchmarks.reports.figures import ABSENT
from benchmarks.speed.plan import PEER_OF, Scale, window_works
from benchmarks.speed.processor.cells import ratios, spread_cell
from benchmarks.speed.processor.instruction_sets import InstructionSet, own, pretended
from benchmarks.speed.processor.plan import Amount, Part, absent, problems
from benchmarks.speed.processor.turns import Answer, Opening, Turn
from benchmarks.speed.report import PACKAGES, version_of
from benchmarks.speed.types import WindowWork
from benchmarks.speed.worker import THREAD_VARIABLES

SYSTEMS: Final = ("ours", "ctranslate2")
COLUMNS: Final = ("Instructions", "batch", "threads", "with", "ours s", "CTranslate2", "to ours")
Key = tuple[int, int, str, str]  # batch, threads, precision, system


@dataclass(frozen=True, slots=True)
class Seconds:
    """Of a window, round by round: by the clock, and of the processor."""

    wall: list[float]
    cpu: list[float]


def measure(amount: Amount) -> Part:
    """One table for each size; sets one after the other, what is compared in turns."""
    sets = [own(), *pretended()]
    parts = [_of_size(size, amount, sets) for size in amount.sizes]
    return Part(
        tuple(table for part in parts for table in part.tables),
        tuple(figure for part in parts for figure in part.figures),
    )


def _of_size(size: str, amount: Amount, sets: Sequence[InstructionSet]) -> Part:
    works = _works(size, amount)
    answers = [answer for one in sets for answer in amount.take(turns(one, works, amount.rounds))]
    found = {one.name: _seconds(one, answers) for one in sets}
    told = ", ".join(f"{one.name}: {one.told}" for one in sets)
    title = (
        f"{size} size, random weights, windows of 30 s\nseconds by the clock for one of "
        f"{amount.tokens} tokens, beam {amount.beam_size}, rounds {amount.rounds}"
    )
    note = " ".join(
        [
            "To ours: CTranslate2's seconds for each of ours, round by round; above 1 we are "
            f"faster. oneDNN takes the processor for {told}.",
            *absent(amount, [PEER_OF[name] for name in ("ctranslate2",)]),
            *problems(answers),
        ]
    )
    rows = tuple(row for name, seconds in found.items() for row in _rows(name, seconds))
    table = Table(title, COLUMNS, rows, note)
    return Part((table,), tuple(_figures(size, name, seconds) for name, seconds in found.items()))


def _works(size: str, amount: Amount) -> list[WindowWork]:
    scale = Scale(
        batches=amount.batches,
        threads=amount.threads,
        beam_size=amount.beam_size,
        tokens=amount.tokens,
        systems=tuple(name for name in SYSTEMS if amount.asks_for(name)) or SYSTEMS,
        precisions=amount.precisions,
        cache=None if amount.cache is None else str(amount.cache),
    )
    return window_works(size, scale)


def turns(one: InstructionSet, works: Sequence[WindowWork], rounds: int) -> list[Turn]:
    """What is compared has its rounds in turns, another first in each, before anything else: of a
    processor whose speed drifts, figures a minute apart tell little."""
    facts = {**{name: version_of(name) for name in PACKAGES}, "source": our_source()}
    return [
        Turn(_name(work), what(one, work), _opening(one, work, facts), "run", number)
        for compared in _compared(works, one)
        for number in range(rounds)
        for work in _rotated(compared, number)
    ]


def _compared(works: Sequence[WindowWork], one: InstructionSet) -> list[list[WindowWork]]:
    """All that a set may have, those of one batch, number of threads and precision together."""
    found: dict[tuple[int, int, str], list[WindowWork]] = {}
    for work in works:
        if work.precision != "bf16" or one.may_have_bfloat16:
            found.setdefault((work.batch, work.threads, work.precision), []).append(work)
    return list(found.values())


def what(one: InstructionSet, work: WindowWork) -> str:
    return f"{one.name}, batch {work.batch}, threads {work.threads}"


def _name(work: WindowWork) -> str:
    return f"{work.system} {work.precision}"


def _rotated(works: Sequence[WindowWork], by: int) -> list[WindowWork]:
    at = by % max(len(works), 1)
    return [*works[at:], *works[:at]]


def _opening(one: InstructionSet, work: WindowWork, facts: dict[str, str]) -> Opening:
    environment = {**dict.fromkeys(THREAD_VARIABLES, str(work.threads)), **one.environment}
    asked = {"kind": type(work).__name__, "work": asdict(work)}
    return Opening("benchmarks.speed.worker:System", asked, environment, facts)


def _seconds(one: InstructionSet, answers: Sequence[Answer]) -> dict[Key, Seconds]:
    found: dict[Key, Seconds] = {}
    for answer in answers:
        work = answer.turn.opening.work["work"]
        if answer.row is None or answer.turn.what != what(one, WindowWork(**work)):
            continue
        key = (work["batch"], work["threads"], work["precision"], work["system"])
        seconds = found.setdefault(key, Seconds([], []))
        windows = answer.row["done"]["windows"]
        seconds.wall.append(answer.row["wall"] / windows)
        seconds.cpu.append(answer.row["cpu"] / windows)
    return found


def _rows(name: str, found: dict[Key, Seconds]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for batch, threads, precision in dict.fromkeys(key[:3] for key in found):
        ours, theirs = (found.get((batch, threads, precision, system)) for system in SYSTEMS)
        rows.append(
            (
                name,
                str(batch),
                str(threads),
                precision,
                spread_cell(ours.wall) if ours else ABSENT,
                spread_cell(theirs.wall) if theirs else ABSENT,
                spread_cell(ratios(ours.wall, theirs.wall), "x") if ours and theirs else ABSENT,
            )
        )
    return rows


def _figures(size: str, name: str, found: dict[Key, Seconds]) -> dict[str, Any]:
    return {
        "size": size,
        "instructions": name,
        "seconds_of_a_window": [
            {
                **dict(zip(("batch", "threads", "precision", "system"), key, strict=True)),
                **asdict(seconds),
            }
            for key, seconds in found.items()
        ],
    }
