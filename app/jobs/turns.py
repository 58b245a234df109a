"""Whose turn it is to decode: several steps of a job while it is alone, fewer beside others.

Keeps no result and runs nothing: app/jobs/checkpoints.py asks before it decodes.
"""

from __future__ import annotations

import threading


class Turns:
    """How many steps a job may have open: several while it is alone, fewer beside others.

    Steps of a job take their turns in the order in which they were drawn.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._jobs: dict[str, list[object]] = {}  # steps that were drawn and have not ended
        self._changed = threading.Condition()
        self.patience = threading.Lock()  # held by the one step that waits for a full engine

    def enter(self, job_id: str) -> None:
        with self._changed:
            self._jobs.setdefault(job_id, [])

    def leave(self, job_id: str) -> None:
        with self._changed:
            self._jobs.pop(job_id, None)
            self._changed.notify_all()

    def draw(self, job_id: str) -> object:
        """The ticket of the job's next step; to be given back whether it needed its turn or not."""
        ticket = object()
        with self._changed:
            if job_id in self._jobs:
                self._jobs[job_id].append(ticket)
        return ticket

    def give_back(self, job_id: str, ticket: object) -> None:
        with self._changed:
            if ticket in self._jobs.get(job_id, ()):
                self._jobs[job_id].remove(ticket)
            self._changed.notify_all()

    def wait(self, job_id: str, ticket: object) -> None:
        """Return when the step may go on: few enough are before it. At once if the job has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_next(job_id, ticket))

    def _is_next(self, job_id: str, ticket: object) -> bool:
        tickets = self._jobs.get(job_id, [])
        return ticket not in tickets or tickets.index(ticket) < self._allowed

    @property
    def _allowed(self) -> int:
        return max(1, self._steps // max(len(self._jobs), 1))
