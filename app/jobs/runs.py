"""How one job runs: from its sound to its stored transcript, or to what came in between.

When a job runs is app/jobs/jobs.py's, how its end is told app/jobs/endings.py's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from app.errors import Failure, failure_of
from app.jobs.checkpoints import DurableWindowDecoder, Interrupted
from app.jobs.endings import Endings
from app.jobs.notifications import Notifications
from app.jobs.obstacles import BUSY_DATABASE, OF_STORAGE, Barrier, obstacle_of
from app.jobs.progress import ProgressReporter
from app.jobs.turns import Turns
from app.jobs.workflows import Workflows
from app.settings import Settings
from app.storage.codecs import decode_options
from app.storage.folders import Folders, JobFolder
from app.storage.store import Job, Status, Store
from decoding.types import Decoder
from transcription.errors import Cancelled
from transcription.options import TranscriptionOptions
from transcription.reader import Reader
from transcription.reader_process import reader_of
from transcription.types import Observer, Transcript, WindowDecoder
from transcription.window_decoder import EngineWindowDecoder

CANCELLED = Failure("cancelled", "The job was cancelled.", is_ours=True)
_GIVEN_UP = Failure(
    "job_stops_service", "The service stopped every time it worked on this.", is_ours=True
)

# Id, owner, folder, and what raises when the job is over; bytes, or None: its sound was sent.
Bring = Callable[[str, str, JobFolder, Callable[[], None]], int | None]

log = logging.getLogger(__name__)


class Pipeline(Protocol):
    """`transcription.pipeline.transcribe`, or a small one in tests."""

    def __call__(
        self,
        source: Path,
        options: TranscriptionOptions,
        windows: WindowDecoder,
        *,
        workspace: Path,
        observer: Observer | None = None,
        reader: Reader | None = None,
    ) -> Transcript: ...


@dataclass(eq=False)
class JobRuns:
    """The jobs at work in this process. Safe for several threads; each job has one of its own."""

    settings: Settings
    store: Store
    folders: Folders
    workflows: Workflows
    pipeline: Pipeline
    turns: Turns
    barrier: Barrier
    endings: Endings
    notifications: Notifications
    bring: Bring = lambda *_given: None  # every job's sound was sent
    is_stopping: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _at_work: dict[str, _Work] = field(default_factory=dict)

    def stop(self, job_id: str, reason: Exception | Interrupted) -> bool:
        """Stop the job's work, for which its thread is told `reason`; False: it was not at work."""
        with self._lock:
            work = self._at_work.get(job_id)
        if work is not None:
            work.stop(reason)
        return work is not None

    def stop_all(self, patience: float) -> None:
        """Interrupt what is at work, and what begins from now on; wait until it has left."""
        with self._lock:
            self.is_stopping = True
            at_work = tuple(self._at_work.values())
        for work in at_work:
            work.stop(Interrupted())
        end = time.monotonic() + patience
        while self._at_work and time.monotonic() < end:
            time.sleep(0.01)

    def transcribe(self, job: Job, decoder: Decoder) -> str:
        """Carry the job out; how it ended. Raises what it can wait for, and `Interrupted`.

        Given up is a job with which the service stopped too often; in the last of these starts it
        was alone (turns.py).
        """
        if job.starts > self.settings.fruitless_starts:
            log.error("job %s: given up after %d fruitless starts", job.id, job.starts - 1)
            self.endings.finish(job.id, "failed", _GIVEN_UP, generation=job.generation)
            return "failed"
        folder = self.folders.of(job.id, job.generation)
        engine = EngineWindowDecoder(decoder, group=job.id, caller=job.owner)
        windows = DurableWindowDecoder(job, engine, self.store, self.workflows, self.turns)
        work = _Work(engine, windows)
        self._enter(job, work)
        try:
            self._bring_sound(job, folder, windows.check)
            transcript = self.pipeline(
                folder.upload,
                decode_options(job.options),
                windows,
                workspace=folder.workspace_to_start_in(),
                observer=ProgressReporter(
                    job, self.store, self.notifications, engine, windows.check
                ),
                reader=reader_of(self.settings),
            )
            folder.keep_sound(windows.recordings)
            has_ended = self.endings.complete(job, transcript)
            if has_ended:
                self.barrier.got_through()
            self.tidy(job.id)
            return "completed" if has_ended else "over"
        except Exception as error:  # noqa: BLE001 - the outermost place: every job must end
            return self._fail_unless_hindered(job, error, work)
        finally:
            windows.close()
            with self._lock:
                self._at_work.pop(job.id, None)

    def _bring_sound(self, job: Job, folder: JobFolder, check: Callable[[], None]) -> None:
        """Fetch the sound of a job that only says where it is."""
        size = self.bring(job.id, job.owner, folder, check)
        if size is not None:
            values = {"file_bytes": size}
            self.store.set_progress(job.id, values, generation=job.generation)

    def _enter(self, job: Job, work: _Work) -> None:
        with self._lock:
            self._at_work[job.id] = work
            is_stopping = self.is_stopping
        now = self.store.find(job.id)
        if is_stopping or is_taken_over(job, now):
            work.stop(Interrupted())
        elif now is None or now.is_finished:
            work.stop(Cancelled("The job was cancelled."))

    def tidy(self, job_id: str) -> None:
        """Remove files that a job which has ended no longer needs, also those that a crash left."""
        job = self.store.find(job_id)
        if job is not None and not job.is_finished:  # another service works on it
            return
        if job is not None and job.status == "completed":
            self.folders.of(job_id).drop_work()
        else:
            self.folders.of(job_id).remove()

    def _fail_unless_hindered(self, job: Job, error: Exception, work: _Work) -> str:
        """End the job badly. Raises what it can wait for; then none of its steps goes on."""
        try:
            return self._fail(job, error, work)
        except Exception:
            work.stop(Interrupted())
            work.windows.close(wait=True)  # or they would write into the history of its next run
            raise

    def _fail(self, job: Job, error: Exception, work: _Work) -> str:
        if self.is_stopping:
            raise Interrupted from error
        is_cancel = isinstance(error, Cancelled | CancelledError)
        obstacle = None if is_cancel else obstacle_of(error)
        if obstacle is not None and (job.kind == "job" or obstacle == BUSY_DATABASE):
            raise error  # and the job waits; a client does not wait for ever
        if is_taken_over(job, self.store.find(job.id)):
            log.warning("job is another service's now", extra={"fields": {"job": job.id}})
            raise Interrupted from error
        failure = CANCELLED if is_cancel else failure_of(error)
        if obstacle in OF_STORAGE:
            self.barrier.meet(obstacle)
        if failure.is_ours and not is_cancel and obstacle is None:
            log.error("job %s failed: %s", job.id, failure.code, exc_info=error)
        status: Status = "cancelled" if is_cancel else "failed"
        self.endings.finish(job.id, status, failure, generation=job.generation)
        work.engine.cancel()  # windows that are still under way are for nobody
        self.tidy(job.id)
        return status


def is_taken_over(job: Job, now: Job | None) -> bool:
    """Whether another service has the job by now, as the store says it."""
    return now is not None and not now.is_finished and now.generation != job.generation


@dataclass(frozen=True, slots=True)
class _Work:
    """A job that is being worked on: its windows, and the engine that decodes them."""

    engine: EngineWindowDecoder
    windows: DurableWindowDecoder

    def stop(self, reason: Exception | Interrupted) -> None:
        """Start no further step; what is in the engine leaves it."""
        self.windows.stop(reason)
        self.engine.cancel()
