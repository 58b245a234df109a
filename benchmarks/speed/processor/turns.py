"""Measurements in turns, each kept in a file of its own: what was cut off goes on where it was.

Knows processes, questions and answers, which are JSON; what they mean is for the tables to say.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from benchmarks.records import write_json
from benchmarks.runner import RunProgress
from benchmarks.worker_process import Worker, WorkFailed

MOST_SECONDS: Final = 4 * 3600.0  # that an answer may take: three hours of sound, a busy machine


@dataclass(frozen=True, slots=True)
class Opening:
    """A process and what it opens; the same one answers all turns that have an equal opening.

    `facts`: what else changes its answers, as versions. `enter` is given the process's id before
    anything is opened there.
    """

    opener: str
    work: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    enter: Callable[[int], None] | None = None

    @property
    def key(self) -> str:
        return _digest([self.opener, self.work, self.environment, self.facts])

    def entering(self, enter: Callable[[int], None]) -> Opening:
        return replace(self, enter=enter)


@dataclass(frozen=True, slots=True)
class Turn:
    """`asked` of what `opening` opened, for the `number`th time; `system` and `what` are shown.

    `beside` is in force while it is answered.
    """

    system: str
    what: str
    opening: Opening
    asked: Any
    number: int = 0
    beside: Callable[[], AbstractContextManager[object]] = nullcontext

    @property
    def file_name(self) -> str:
        readable = "".join(c if c.isalnum() else "-" for c in f"{self.system}-{self.what}")
        whole = [self.opening.key, self.what, self.asked, self.number]
        return f"{readable[:60]}-{_digest(whole)}.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a turn brought, or the `problem` that there was instead."""

    turn: Turn
    row: Mapping[str, Any] | None = None
    problem: str | None = None


def take_turns(
    turns: Sequence[Turn],
    folder: Path,
    progress: RunProgress,
    *,
    start: Callable[[Opening], Worker] | None = None,
) -> list[Answer]:
    """An answer to each, in order; those found in `folder` are not asked for again.

    A row with an `error` is a problem, and problems are not kept. A process is opened when it is
    first needed and ended when nothing more is asked of it. `start`: what opens one.
    """
    with _Processes(turns, folder, start or open_process) as processes:
        return [_take(turn, folder, processes, progress) for turn in turns]


def missing(turns: Sequence[Turn], folder: Path) -> int:
    """How many `take_turns` would measure."""
    return sum(_kept(turn, folder) is None for turn in turns)


def open_process(opening: Opening) -> Worker:
    """Raises `WorkFailed`."""
    worker = Worker(environment=opening.environment, patience=MOST_SECONDS)
    try:
        if opening.enter is not None:
            opening.enter(worker.pid)
        worker.open(opening.opener, opening.work)
    except BaseException:
        worker.kill()
        worker.close()
        raise
    return worker


def _take(turn: Turn, folder: Path, processes: _Processes, progress: RunProgress) -> Answer:
    if (kept := _kept(turn, folder)) is not None:
        return Answer(turn, kept)
    progress.started(turn.system, turn.what)
    try:
        row = processes.ask(turn)
        problem = row.get("error")
    except WorkFailed as error:
        problem = str(error)
    progress.done(turn.system, turn.what, problem)
    if problem is not None:
        return Answer(turn, problem=problem)
    write_json(folder / turn.file_name, row)
    return Answer(turn, row)


class _Processes:
    """Those that are open, by what they opened; and what became of those that failed."""

    def __init__(
        self, turns: Sequence[Turn], folder: Path, start: Callable[[Opening], Worker]
    ) -> None:
        self._start = start
        self._left = Counter(t.opening.key for t in turns if _kept(t, folder) is None)
        self._open: dict[str, Worker] = {}
        self._problems: dict[str, str] = {}

    def __enter__(self) -> _Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._open.values():
            if kind is not None:
                worker.kill()
            worker.close()

    def ask(self, turn: Turn) -> dict[str, Any]:
        """Raises `WorkFailed`, from then on for all of an opening."""
        key = turn.opening.key
        self._left[key] -= 1
        if key in self._problems:
            raise WorkFailed(self._problems[key])
        try:
            if key not in self._open:
                self._open[key] = self._start(turn.opening)
            with turn.beside():
                row: dict[str, Any] = self._open[key].ask(turn.asked)
        except WorkFailed as error:
            self._problems[key] = str(error)
            self._close(key)
            raise
        if not self._left[key]:
            self._close(key)
        return row

    def _close(self, key: str) -> None:
        if (worker := self._open.pop(key, None)) is not None:
            worker.close()


def _kept(turn: Turn, folder: Path) -> Mapping[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads((folder / turn.file_name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row


def _digest(whole: Any) -> str:
    text = json.dumps(whole, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
