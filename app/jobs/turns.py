"""Whose turn it is to decode: several steps of a job while it is alone, fewer beside others.

Keeps no result and runs nothing: app/jobs/checkpoints.py asks before it decodes.
"""

from __future__ import annotations

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

    Steps of a job take their turns by where they begin; one step may always go on.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._jobs: dict[str, list[Ticket]] = {}  # by their start
        self._changed = threading.Condition()
        self.patience = threading.Lock()  # held by the one step that waits for a full engine

    def enter(self, job_id: str) -> None:
        with self._changed:
            self._jobs.setdefault(job_id, [])

    def leave(self, job_id: str) -> None:
        with self._changed:
            self._jobs.pop(job_id, None)
            self._changed.notify_all()

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
