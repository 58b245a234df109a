"""Whose turn it is: to begin, and to decode several steps while alone, fewer beside others.

Keeps no result and runs nothing: app/jobs/jobs.py asks before a job begins, app/jobs/checkpoints.py
before it decodes.

A job may stop the whole service, and a service that dies takes the work of harmless ones with it.
Every start of a job counts against it until it keeps a group of windows. Who has too many fruitless
ones is a suspect: after a start of the service suspects go first, most starts before fewer, each
alone until it has kept a group or left; then the others begin. A harmless one is cleared by that,
however often somebody kills the service. A job with which the service dies in spite of it, time
after time, is given up (app/jobs/runs.py).
"""

from __future__ import annotations

import math
import threading
from bisect import insort
from dataclasses import dataclass

from transcription.in_flight import GROUP_WINDOWS


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A step that has not ended: where its windows begin, in seconds, and how many they are."""

    start: float
    windows: int


class Turns:
    """How many windows a job may have open: whole steps of them while it is alone, fewer beside
    others.

    Steps of a job take their turns by where they begin; one step may always go on. A job is a
    suspect when it enters with `suspect_starts` fruitless starts or more.
    """

    def __init__(self, steps: int, suspect_starts: int) -> None:
        self._steps = steps
        self._suspect_starts = suspect_starts
        self._jobs: dict[str, list[Ticket]] = {}  # by their start
        self._suspects: dict[str, float] = {}  # their fruitless starts
        self._changed = threading.Condition()
        self.patience = threading.Lock()  # held by the one step that waits for a full engine

    def enter(self, job_id: str, fruitless_starts: int = 0) -> None:
        """The job is about to begin, and has its share from now on."""
        with self._changed:
            self._jobs.setdefault(job_id, [])
            if fruitless_starts >= self._suspect_starts:
                self._suspects[job_id] = fruitless_starts

    def begin(self, job_id: str) -> None:
        """Return when the job may begin: no suspect goes before it, or it has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._may_begin(job_id))
            if job_id in self._suspects:
                self._suspects[job_id] = math.inf  # none goes before it any more

    def clear(self, job_id: str) -> None:
        """The job has kept a group of windows: it is no suspect, and others may begin."""
        with self._changed:
            self._suspects.pop(job_id, None)
            self._changed.notify_all()

    def leave(self, job_id: str) -> None:
        with self._changed:
            self._jobs.pop(job_id, None)
        self.clear(job_id)

    def draw(self, job_id: str, start: float, windows: int) -> Ticket:
        """The ticket of a step; to be given back whether it needed its turn or not."""
        ticket = Ticket(start, windows)
        with self._changed:
            if job_id in self._jobs:
                insort(self._jobs[job_id], ticket, key=lambda one: one.start)
        return ticket

    def give_back(self, job_id: str, ticket: Ticket) -> None:
        with self._changed:
            if ticket in self._jobs.get(job_id, ()):
                self._jobs[job_id].remove(ticket)
            self._changed.notify_all()

    def wait(self, job_id: str, ticket: Ticket) -> None:
        """Return when the step may go on: few enough are before it. At once if the job has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_next(job_id, ticket))

    def _may_begin(self, job_id: str) -> bool:
        if job_id not in self._jobs or not self._suspects:
            return True
        return job_id == max(self._suspects, key=self._suspects.__getitem__)

    def _is_next(self, job_id: str, ticket: Ticket) -> bool:
        tickets = self._jobs.get(job_id, [])
        if ticket not in tickets:
            return True
        place = tickets.index(ticket)
        together = sum(one.windows for one in tickets[: place + 1])
        return place == 0 or together <= self._allowed

    @property
    def _allowed(self) -> int:
        return max(1, self._steps // max(len(self._jobs), 1)) * GROUP_WINDOWS
