"""What other services that share the queue did with jobs at work or watched here.

Takes and gives no job: whose a job is decides app/storage/shared_queue.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.jobs.checkpoints import Interrupted
from app.jobs.notifications import Notifications
from app.jobs.runs import JobRuns
from app.jobs.turns import Turns
from app.storage.shared_queue import SharedQueue
from app.storage.store import Job
from transcription.errors import Cancelled


class OtherServices:
    """Asked now and then, by one thread."""

    def __init__(self, runs: JobRuns, turns: Turns, notifications: Notifications) -> None:
        self._runs = runs
        self._turns = turns
        self._notifications = notifications
        self._versions: Mapping[str, str] = {}  # of jobs of others that are watched here

    def heed(self, queue: SharedQueue, running: Collection[Job]) -> None:
        """Stop what is no longer ours of `running`, and wake who watches what others brought on.

        Raises what the database does.
        """
        self._stop_lost(queue, running)
        self._tell_watchers(queue, {job.id for job in running})

    def _stop_lost(self, queue: SharedQueue, running: Collection[Job]) -> None:
        """Work no longer on jobs that others have taken over, or have ended."""
        generations = queue.generations([job.id for job in running]) if running else {}
        for job in running:
            now = generations.get(job.id)
            if now == job.generation:
                continue
            reason = Cancelled("The job was cancelled.") if now is None else Interrupted()
            if not self._runs.stop(job.id, reason):
                self._turns.leave(job.id)  # if it waits to begin

    def _tell_watchers(self, queue: SharedQueue, running: Collection[str]) -> None:
        """Wake those here who watch jobs that run elsewhere and have changed."""
        elsewhere = [name for name in self._notifications.watched() if name not in running]
        before = self._versions
        self._versions = queue.versions(elsewhere) if elsewhere else {}
        for name in elsewhere:
            if before.get(name) != self._versions.get(name):
                self._notifications.notify(name)
