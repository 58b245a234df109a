"""Keeps the lease of a service or worker that shares a queue, and takes over from those that died.

Decides nothing about jobs: app/jobs/jobs.py is told that there may be new ones. Whoever lost its
lease without dying goes on under the same name with a new one; what it had is fenced off by
generation (app/storage/shared_queue.py, app/storage/taken_clips.py).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

from app.storage.tables import DATABASE_ERRORS

RENEWALS = 5  # in the time of a lease

log = logging.getLogger(__name__)


class Leased(Protocol):
    """A queue that is shared, as one of those sees it that share it."""

    def renew(self) -> bool:
        """Hold the lease from now on; False when it had to be taken anew."""
        ...

    def take_over(self) -> list[str]:
        """End leases of others that are over; their names."""
        ...

    def give_up(self) -> None: ...


class Lease:
    """Renewed by a thread of its own from `open` to `close`, whatever else is busy.

    `has_taken` is set when something was taken over; whoever sees to it clears it.
    """

    def __init__(self, queue: Leased, seconds: float) -> None:
        self._queue = queue
        self._seconds = seconds
        self._pause = seconds / RENEWALS
        self._renewed = time.monotonic()
        self._may_take = -1.0  # not before this time
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.has_taken = threading.Event()

    def open(self) -> None:
        """Take the lease, and what those left that are gone."""
        self._queue.renew()
        self._renewed = time.monotonic()
        self._queue.take_over()
        self._thread.start()

    def close(self) -> None:
        """Give the lease up: others go on at once."""
        self._is_closing.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._queue.give_up()
        except DATABASE_ERRORS:  # then they wait until it is over
            log.warning("the lease could not be given up")

    def _keep(self) -> None:
        while not self._is_closing.wait(self._pause):
            try:
                self.beat()
            except DATABASE_ERRORS as error:
                log.warning("the lease could not be renewed: %s", type(error).__name__)
            except Exception as error:
                log.error("taking jobs over failed", exc_info=error)

    def beat(self) -> None:
        """Renew the lease, then look whether others have lost theirs.

        Who was away itself cannot tell whether they were: it gives them the time of a lease.
        """
        is_held = self._queue.renew()
        now = time.monotonic()
        if not is_held or now - self._renewed > self._seconds:
            self._may_take = now + self._seconds
        self._renewed = now
        if not is_held:
            log.warning("the lease was lost: others have taken over what was at work here")
        if now < self._may_take:
            return
        names = self._queue.take_over()
        if names:
            log.warning("took over from others that are gone", extra={"fields": {"names": names}})
            self.has_taken.set()
