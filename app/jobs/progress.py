"""A pipeline's `Observer` that writes progress and final segments of one job to the store.

A job that is resumed runs through its finished windows again, in a moment: figures never go
back, and segments that were kept before are kept as they were.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from app.jobs.notifications import Notifications
from app.storage.codecs import encode_segment
from app.storage.store import Job, Store
from chunking.types import Segment
from transcription.window_decoder import EngineWindowDecoder

WRITE_EVERY_SECONDS = 0.25
SECONDS_PER_WINDOW = 25.0  # of a plan that is not known yet
SHARE_EVERY_SECONDS = 5.0  # the engine is asked how many slots are ours


class ProgressReporter:
    """Counts are exact; they reach the store at most four times a second, segments at once.

    `engine` is told how many windows remain: those with less to do go first there. `check` raises
    when the job was stopped. `clock`: seconds since 1970.
    """

    def __init__(
        self,
        job: Job,
        store: Store,
        notifications: Notifications,
        engine: EngineWindowDecoder,
        check: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._check = check
        self._job = job
        self._engine = engine
        self._store = store
        self._notifications = notifications
        self._clock = clock
        self._seconds_read = 0.0
        self._seconds = job.seconds
        self._windows = job.windows
        self._seconds_done = job.seconds_done
        self._windows_done = job.windows_done
        self._segments = 0
        self._windows_so_far = 0  # windows of this run, those of earlier runs among them
        self._written = -math.inf
        self._shared = -math.inf

    def ingested(self, seconds: float) -> None:
        """No window may be under way yet whose end could tell that the job was stopped."""
        self._seconds_read = seconds
        self._check()

    def planned(self, seconds: float, windows: int) -> None:
        self._seconds = seconds
        self._windows = max(windows, self._windows_done)
        self._tell_engine()
        self._write()

    def decoded(self, windows: int, seconds: float) -> None:
        self._windows_so_far = windows
        self._tell_engine()
        self._windows_done = max(self._windows_done, windows)
        self._seconds_done = max(self._seconds_done, seconds)
        if self._clock() - self._written >= WRITE_EVERY_SECONDS:
            self._write()

    def segments(self, segments: Sequence[Segment]) -> None:
        encoded = [encode_segment(segment) for segment in segments]
        generation = self._job.generation
        self._store.add_segments(self._job.id, self._segments + 1, encoded, generation=generation)
        self._segments += len(segments)
        self._write()

    def _tell_engine(self) -> None:
        """Windows of the plan that this run has not come past, the one that follows included."""
        planned = self._windows or math.ceil(self._seconds_read / SECONDS_PER_WINDOW)
        self._engine.windows_left = max(planned - self._windows_so_far, 1)

    def _write(self) -> None:
        self._written = self._clock()
        if self._written - self._shared >= SHARE_EVERY_SECONDS:
            self._shared = self._written
            self._engine.pace.shares(self._engine.share(self._engine.windows_left))
        values = {
            "seconds": self._seconds,
            "seconds_done": self._seconds_done,
            "windows": self._windows,
            "windows_done": self._windows_done,
            "end_expected": self._end_expected(),
        }
        self._store.set_progress(self._job.id, values, generation=self._job.generation)
        self._notifications.notify(self._job.id)

    def _end_expected(self) -> float | None:
        """Not while the sound is still being read: how much there is to do is not known."""
        return None if self._windows is None else self._engine.pace.end_of(self._windows_left())

    def _windows_left(self) -> int:
        """Neither passed in this run or an earlier one, nor decoded while an earlier one is not."""
        earlier = self._job.windows_done
        passed_here = max(self._windows_so_far - earlier, 0)
        decoded_ahead = max(self._engine.pace.done - passed_here, 0)
        left = (self._windows or 0) - earlier - passed_here - decoded_ahead
        return max(left, self._engine.pace.under_way)
