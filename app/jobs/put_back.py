"""Jobs that went back into the queue before their end, until their last workflow has left.

A workflow that is started under the name of one that has not left would keep waiting for it for
ever.
"""

from __future__ import annotations

import time

from app.jobs.workflows import job_of, workflow_id
from app.storage.store import Store

LEAVING_SECONDS = 2.0


class PutBack:
    """Which jobs they are, and since when. Safe for several threads."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._unwritten: set[str] = set()  # workflows of those that the store takes for running

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._since

    def add(self, job_id: str) -> None:
        self._since[job_id] = time.monotonic()

    def remove(self, job_id: str) -> None:
        """It begins anew."""
        self._since.pop(job_id, None)

    def is_leaving(self, job_id: str) -> bool:
        """Whether its workflow may still be about to leave."""
        since = self._since.get(job_id)
        return since is not None and time.monotonic() - since < LEAVING_SECONDS

    def any_lately(self) -> bool:
        now = time.monotonic()
        return any(now - since < 2 * LEAVING_SECONDS for since in tuple(self._since.values()))

    def forget_earlier(self) -> None:
        """Where services share a queue, whoever has a job next begins it as a workflow of another
        name."""
        lately = time.monotonic() - 2 * LEAVING_SECONDS
        for job_id in [name for name, since in tuple(self._since.items()) if since < lately]:
            self._since.pop(job_id, None)

    # What the store could not be told

    def owe(self, job_id: str, generation: int) -> None:
        """The store could not be told that the job is back in the queue."""
        self._unwritten.add(workflow_id(job_id, generation))

    def write(self, store: Store) -> None:
        """Tell it now."""
        for name in tuple(self._unwritten):
            job_id, generation = job_of(name)
            store.put_back(job_id, generation=generation)
            self._unwritten.discard(name)
