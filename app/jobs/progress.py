"""A pipeline's `Observer` that writes progress and final segments of one job to the store.

A job that is resumed runs through its finished windows again, in a moment: figures never go
back, and segments that were kept before are kept as they were.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from app.jobs.notifications import Notifications
from app.storage.codecs import encode_segment
from app.storage.store import Job, Store
from chunking.types import Segment
from transcription.window_decoder import EngineWindowDecoder

WRITE_EVERY_SECONDS = 0.25


class ProgressReporter:
    """Counts are exact; they reach the store at most four times a second, segments at once.

    `engine` is told how many windows remain: those with less to do go first there. `check` raises
    when the job was stopped.
    """

    def __init__(
        self,
        job: Job,
        store: Store,
        notifications: Notifications,
        engine: EngineWindowDecoder,
        check: Callable[[], None],
    ) -> None:
        self._check = check
        self._job = job
        self._engine = engine
        self._store = store
        self._notifications = notifications
        self._seconds = job.seconds
        self._windows = job.windows
        self._seconds_done = job.seconds_done
        self._windows_done = job.windows_done
        self._segments = 0
        self._windows_so_far = 0  # windows of this run, those of earlier runs among them
        self._fresh_since: tuple[float, int] | None = None
        self._written = 0.0

    def ingested(self, _seconds: float) -> None:
        """No window is under way yet whose end could tell that the job was stopped."""
        self._check()

    def planned(self, seconds: float, windows: int) -> None:
        self._seconds = seconds
        self._windows = max(windows, self._windows_done)
        self._tell_engine()
        self._write()

    def decoded(self, windows: int, seconds: float) -> None:
        now = time.monotonic()
        self._windows_so_far = windows
        self._tell_engine()
        if windows > self._windows_done:
            self._fresh_since = self._fresh_since or (now, self._windows_done)
            self._windows_done = windows
        self._seconds_done = max(self._seconds_done, seconds)
        if now - self._written >= WRITE_EVERY_SECONDS:
            self._write()

    def segments(self, segments: Sequence[Segment]) -> None:
        encoded = [encode_segment(segment) for segment in segments]
        self._store.add_segments(self._job.id, self._segments + 1, encoded)
        self._segments += len(segments)
        self._write()

    def _tell_engine(self) -> None:
        """Windows of the plan that this run has not come past, the one that follows included."""
        self._engine.windows_left = max((self._windows or 0) - self._windows_so_far, 1)

    def _write(self) -> None:
        self._written = time.monotonic()
        values = {
            "seconds": self._seconds,
            "seconds_done": self._seconds_done,
            "windows": self._windows,
            "windows_done": self._windows_done,
            "seconds_left": self._seconds_left(),
        }
        self._store.set_progress(self._job.id, values)
        self._notifications.notify(self._job.id)

    def _seconds_left(self) -> float | None:
        """By the speed of this run, in which finished windows of earlier runs do not count."""
        if self._fresh_since is None or self._windows is None:
            return None
        since, windows_before = self._fresh_since
        fresh = self._windows_done - windows_before
        if fresh <= 0:
            return None
        pace = (time.monotonic() - since) / fresh
        return round(pace * max(self._windows - self._windows_done, 0), 1)
