"""What may stand in the way of all jobs and passes: no engine, a full disk, a busy database.

Jobs that meet such a thing wait and go on; requests are told to come back. Ends no job, and knows
no HTTP: app/jobs/runs.py decides what becomes of a job, app/errors.py what a client is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.engines.states import ModelStatus
from app.storage.tables import is_busy, is_full
from decoding.errors import EngineAway
from transcription.errors import NO_ROOM

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """`code` is the stable name that clients see; `message` is fit for their eyes."""

    code: str
    message: str


NO_ENGINE = Obstacle("engine_unavailable", "The engine is being started again; come back soon.")
FULL_DISK = Obstacle("disk_full", "The server's disk is full; come back later.")
BUSY_DATABASE = Obstacle("database_busy", "The server's database is busy; come back soon.")
NO_MODEL = Obstacle("model_unavailable", "The model cannot be had now; come back later.")
OF_STORAGE = (FULL_DISK, BUSY_DATABASE)
OBSTACLES = (NO_ENGINE, NO_MODEL, *OF_STORAGE)

Check = Callable[[], bool]


def obstacle_of(error: BaseException) -> Obstacle | None:
    """The obstacle that made this error, if it was one."""
    for one in _chain(error):
        if isinstance(one, EngineAway):
            return NO_ENGINE
        if is_full(one) or (isinstance(one, OSError) and one.errno in NO_ROOM):
            return FULL_DISK
        if is_busy(one):
            return BUSY_DATABASE
    return None


def obstacle_of_model(status: ModelStatus) -> Obstacle | None:
    """What keeps jobs of this model from running; its being loaded or resting does not."""
    if status.is_away:
        return NO_ENGINE
    return NO_MODEL if status.state in ("unavailable", "unusable") else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from."""
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


class Barrier:
    """Whether jobs may start: not while an obstacle stands that one of them has met.

    `is_gone`: how to see that an obstacle is gone. It is looked at again after a pause; that of a
    full disk doubles until work gets through, for a disk may have room for a look and not for a
    recording. Safe to use from several threads.
    """

    def __init__(
        self, is_gone: Mapping[Obstacle, Check], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_gone = is_gone
        self._clock = clock
        self._lock = threading.Lock()
        self._met: dict[Obstacle, float] = {}  # and when to look again
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def standing(self) -> Obstacle | None:
        """The obstacle met first of those that stand."""
        with self._lock:
            return next(iter(self._met), None)

    def meet(self, obstacle: Obstacle) -> None:
        with self._lock:
            if obstacle in self._met:
                return
            pause = FIRST_PAUSE_SECONDS
            if obstacle == FULL_DISK:
                pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            self._met[obstacle] = self._clock() + pause

    def look(self) -> bool:
        """Look at what stands, if it is time; whether the last of it has gone. May block."""
        now = self._clock()
        with self._lock:
            due = [one for one, when in self._met.items() if when <= now]
        gone = [one for one in due if self._is_gone[one]()]
        with self._lock:
            for one in gone:
                self._met.pop(one, None)
            for one in set(due).difference(gone):
                self._met[one] = now + FIRST_PAUSE_SECONDS
            return bool(gone) and not self._met

    def got_through(self) -> None:
        """A job ended as it should."""
        with self._lock:
            self._pause = FIRST_PAUSE_SECONDS
