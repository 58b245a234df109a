"""Interleaved rounds: every system once, then every system again, so that a busy moment of the
machine falls on all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from benchmarks.speed.types import Measured, Row, Spread
from benchmarks.speed.worker import Work, run, start
from benchmarks.worker_process import Worker, WorkFailed

Say = Callable[[str], None]


def measure_all(
    works: Sequence[Work], rounds: int, say: Say, *, one_by_one: bool = False
) -> list[Row]:
    """A row for each work, in order. A system that fails gets a row that says why.

    `one_by_one`: each system is closed before the next is opened, because together they would not
    fit a device's memory; rounds are then not interleaved.
    """
    if one_by_one:
        return [row for work in works for row in _measure([work], rounds, say)]
    return _measure(works, rounds, say)


def _measure(works: Sequence[Work], rounds: int, say: Say) -> list[Row]:
    workers: dict[int, Worker] = {}
    problems: dict[int, str] = {}
    found: dict[int, list[Measured]] = {}
    try:
        for index, work in enumerate(works):
            say(f"loading {work.label}, batch {work.batch}, {work.threads} threads")
            try:
                workers[index] = start(work)
            except WorkFailed as error:
                problems[index] = str(error)
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for index in _turned(list(workers), number):
                try:
                    found.setdefault(index, []).append(run(workers[index]))
                except WorkFailed as error:
                    problems[index] = str(error)
                    workers.pop(index).close()
    finally:
        for worker in workers.values():
            worker.close()
    return [
        _failed(work, problems[index]) if index in problems else _row(work, found[index])
        for index, work in enumerate(works)
    ]


def _turned(indices: list[int], by: int) -> list[int]:
    """Another one goes first in each round."""
    at = by % max(len(indices), 1)
    return indices[at:] + indices[:at]


def _row(work: Work, runs: Sequence[Measured]) -> Row:
    done = runs[-1].done
    return Row(
        work.label,
        asdict(work),
        wall=Spread.of([one.wall / done.windows for one in runs]),
        cpu=Spread.of([one.cpu / done.windows for one in runs]),
        audio_seconds=done.audio_seconds,
        windows=done.windows,
        tokens=done.tokens,
        peak_memory=runs[-1].peak_memory,
        peak_device_memory=runs[-1].peak_device_memory,
        answers=done.answers,
    )


def _failed(work: Work, problem: str) -> Row:
    return Row(work.label, asdict(work), problem=problem)
