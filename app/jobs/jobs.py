"""Jobs from their acceptance to their end, whoever asked: one path for files and connections.

A waiting request is a job too, with its own queue and an early end. This file decides when a job
runs and how it ends; workflows.py makes it durable, store.py remembers, HTTP is far away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.engines.pool import EnginePool
from app.engines.states import ModelStatus
from app.errors import Failure, failure_of, failure_of_obstacle
from app.jobs.checkpoints import DurableWindowDecoder, Interrupted
from app.jobs.endings import Endings
from app.jobs.notifications import Notifications
from app.jobs.obstacles import (
    BUSY_DATABASE,
    FULL_DISK,
    NO_MODEL,
    OF_STORAGE,
    Barrier,
    Obstacle,
    obstacle_of,
    obstacle_of_model,
)
from app.jobs.progress import ProgressReporter
from app.jobs.turns import Turns
from app.jobs.workflows import Workflows, webhook_id
from app.settings import Settings
from app.storage.codecs import decode_options
from app.storage.folders import Folders, JobFolder
from app.storage.store import Job, Kind, Status, Store
from app.storage.tables import DATABASE_ERRORS
from decoding.types import Decoder
from transcription.audio import AudioLimits
from transcription.errors import Cancelled
from transcription.options import TranscriptionOptions
from transcription.types import Observer, Transcript, WindowDecoder
from transcription.window_decoder import EngineWindowDecoder

TRANSCRIBE = "transcribe"
LEAVING_SECONDS = 2.0
ALL = 1_000_000  # jobs
KINDS: tuple[Kind, ...] = ("request", "job")
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
        limits: AudioLimits | None = None,
    ) -> Transcript: ...


class Jobs:
    """Runs the jobs of one executor. Its methods may block; call them from threads."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        workflows: Workflows,
        engines: EnginePool,
        pipeline: Pipeline,
    ) -> None:
        self._settings = settings
        self._store = store
        self._folders = folders
        self._workflows = workflows
        self._engines = engines
        self._pipeline = pipeline
        self._turns = Turns(settings.lone_job_steps)
        self._lock = threading.Lock()
        self._joining = threading.Lock()
        self._running: dict[str, Kind] = {}
        self._held: dict[str, ExitStack] = {}  # engines of jobs that are about to begin
        self._at_work: dict[str, _Work] = {}
        self._startable: set[str] = set()  # models whose jobs could begin at the last dispatch
        self._is_stopping = False
        self._put_back: set[str] = set()  # jobs whose workflow is over and which are not
        self._unwritten: set[str] = set()  # of these, jobs that the store takes for running
        self.barrier = Barrier(
            {
                FULL_DISK: lambda: self.obstacle_of_storage() is None,
                BUSY_DATABASE: lambda: self.obstacle_of_storage() is None,
            }
        )
        self.notifications = Notifications()
        self._endings = Endings(settings, store, self.notifications)
        self.on_end = self._endings.watchers
        self.bring: Bring = _bring_nothing
        workflows.register(TRANSCRIBE, self._run)
        engines.changed.append(self._model_changed)

    # From outside

    def prepare(self, executor: str) -> None:
        """Know what a stop or a crash interrupted, before the first of it goes on.

        Each takes its share of the engine then, as if the others ran already.
        """
        unfinished = self._store.unfinished(executor)
        for job in unfinished:
            if self._engines.find(job.model) is None:  # the settings have changed since
                log.warning("job gets another model", extra={"fields": {"job": job.id}})
                self._store.change_model(job.id, self._engines.default.name)
        with self._lock:
            self._running = {job.id: job.kind for job in unfinished if job.status == "running"}
            first = [*self._running, *(job.id for job in self._next(self._engines.startable()))]
        for job_id in first:
            self._turns.enter(job_id)

    def open(self) -> None:
        """Take up what was interrupted and does not go on by itself, then what is queued."""
        with self._lock:
            interrupted = list(self._running)
        for job_id in interrupted:
            if not self._workflows.is_under_way(job_id):
                self._workflows.start_anew(TRANSCRIBE, job_id, job_id)
        self.dispatch()

    def tend(self) -> None:
        """Call it now and then: jobs that wait for an obstacle to go, go on when it has gone."""
        self._engines.tend()
        if self.barrier.look():
            log.info("jobs go on")
            self._write_back()
            self.dispatch()
        elif self._engines.startable() != self._startable:  # an engine went away, or came back
            self.dispatch()

    def obstacle_of_storage(self) -> Obstacle | None:
        """What would meet a job that writes now; it is tried."""
        try:
            self._store.check_writable()
            self._folders.check_writable()
        except (*DATABASE_ERRORS, OSError) as error:
            return obstacle_of(error) or BUSY_DATABASE
        is_full = self._folders.free_bytes() < self._settings.min_free_bytes
        return FULL_DISK if is_full else None

    def add(self, job: Job) -> bool:
        """Accept a job whose upload lies in its folder; False for a known idempotency key."""
        if not self._store.add(job):
            return False
        self.dispatch()
        return True

    def join_or_add(self, job: Job, *, accepts_failure: Callable[[Failure], bool]) -> Job:
        """The same request of the same owner if there is one, else `job`, accepted."""
        with self._joining:
            same = self._store.find_same_request(job.owner, job.fingerprint)
            if same is not None and (same.failure is None or accepts_failure(same.failure)):
                if same.is_finished:  # keep it long enough to be read
                    grace = self._settings.request_grace_seconds
                    self._store.set_expiry(same.id, time.time() + grace)
                return same
            self.add(job)
        return job

    def cancel(self, job_id: str) -> bool:
        """End an unfinished job now; its windows leave the engine. False if it had ended."""
        was_running = self._endings.finish(job_id, "cancelled", _CANCELLED)
        with self._lock:
            work = self._at_work.get(job_id)
        if work is not None:
            work.stop(Cancelled("The job was cancelled."))
        else:
            self._folders.of(job_id).remove()
        return was_running

    def delete(self, job_id: str) -> None:
        """Remove a job, its sound and its text; an unfinished one is cancelled first."""
        self.cancel(job_id)
        self._store.delete(job_id)
        self._forget(job_id)
        self._folders.of(job_id).remove()
        self._store.compact()

    def _forget(self, job_id: str) -> None:
        """Remove the history of workflows that are over: others would look in vain for theirs."""
        end = time.monotonic() + LEAVING_SECONDS
        while self._is_at_work(job_id) and time.monotonic() < end:
            time.sleep(0.01)
        names = (job_id, webhook_id(job_id))
        over = [name for name in names if not self._is_at_work(name)]
        self._workflows.forget(*over)

    def _is_at_work(self, name: str) -> bool:
        """A workflow is at work after its job has ended until its own end is stored."""
        return name in self._running or self._workflows.is_under_way(name)

    def running(self) -> int:
        with self._lock:
            return len(self._running)

    def close(self, patience: float = 5.0) -> None:
        """Stop. Running jobs stay as they are and go on at the next start."""
        with self._lock:
            self._is_stopping = True
            at_work = tuple(self._at_work.values())
        for work in at_work:
            work.stop(Interrupted())
        end = time.monotonic() + patience
        while self._at_work and time.monotonic() < end:
            time.sleep(0.01)

    # Running

    def dispatch(self) -> None:
        """Start queued jobs while there is room: owners with fewer running jobs go first.

        What stands in the way of all is no reason to fail for whoever calls: the jobs wait.
        """
        try:
            for job in self._choose():
                self._begin(job)
            for name in self._store.queued_models(self._workflows.executor):
                self._engines.want(name)
        except Exception as error:
            obstacle = obstacle_of(error)
            if obstacle is None:
                raise
            self.barrier.meet(obstacle)

    def _choose(self) -> list[Job]:
        """Jobs that start now; they count as running."""
        with self._lock:
            self._startable = self._engines.startable()
            if self._is_stopping or self.barrier.standing is not None:
                return []
            chosen = self._next(self._startable)
            self._running.update({job.id: job.kind for job in chosen})
            for job in chosen:  # so that it is not closed before the job's own thread has come
                self._held[job.id] = self._engines.hold(job.model)
        for job in chosen:
            self._turns.enter(job.id)
        return chosen

    def _begin(self, job: Job) -> None:
        """Hand the job to its workflow; one that ran before begins again at its checkpoints."""
        try:
            was_started = job.started is not None  # perhaps by a service that was killed
            if job.id in self._put_back or (
                was_started and not self._workflows.is_under_way(job.id)
            ):
                self._workflows.start_anew(TRANSCRIBE, job.id, job.id)
                self._put_back.discard(job.id)
            else:
                self._workflows.start(TRANSCRIBE, job.id, job.id)
        except BaseException:
            self._let_go(job.id)
            raise

    def _next(self, models: Collection[str]) -> list[Job]:
        """Queued jobs of these models for which there is room."""
        return [job for kind in KINDS for job in self._next_of(kind, models)]

    def _next_of(self, kind: Kind, models: Collection[str]) -> list[Job]:
        settings = self._settings
        limit = settings.running_jobs if kind == "job" else settings.running_requests
        room = limit - sum(running == kind for running in self._running.values())
        if room <= 0:
            return []
        # A chosen job is marked as running by its own thread, a moment after it was chosen.
        limit = room + len(self._running)
        queued = self._store.next_queued(self._workflows.executor, kind, limit, models)
        return [job for job in queued if job.id not in self._running][:room]

    def _run(self, job_id: str) -> str:
        """The workflow. Whatever happens to the job, the workflow itself succeeds."""
        try:
            return self._run_through(job_id)
        except Exception as error:
            obstacle = obstacle_of(error)
            if obstacle is None or self._is_stopping:
                raise
            self._wait_for(obstacle, job_id)
            return "put back"
        finally:
            self._leave(job_id)

    def _run_through(self, job_id: str) -> str:
        job = self._store.find(job_id)
        if job is None:
            self._tidy(job_id)
            return "over"
        with self._engines.lease(job.model) as decoder:
            if decoder is not None or job.is_finished:
                return self._start(job_id, decoder)
        self._put_back_into_queue(job_id)
        return "put back"

    def _start(self, job_id: str, decoder: Decoder | None) -> str:
        job = self._store.start(job_id, time.time())
        if job is None or decoder is None:
            self._tidy(job_id)
            return "over"
        with self._lock:
            self._running[job.id] = job.kind
        log.info("job started", extra={"fields": {"job": job.id, "kind": job.kind}})
        self.notifications.notify(job.id)
        return self._transcribe(job, decoder)

    def _wait_for(self, obstacle: Obstacle, job_id: str) -> None:
        """Put a job that met an obstacle back into the queue, as well as that can be."""
        fields = {"job": job_id, "obstacle": obstacle.code}
        log.warning("job waits", extra={"fields": fields})
        if obstacle in OF_STORAGE:
            self.barrier.meet(obstacle)
        if obstacle == FULL_DISK:  # what was decoded can be decoded again
            self._folders.of(job_id).drop_workspace()
        self._put_back_into_queue(job_id)

    def _put_back_into_queue(self, job_id: str) -> None:
        self._put_back.add(job_id)
        self._unwritten.add(job_id)
        try:
            self._write_back()
        except DATABASE_ERRORS:
            self.barrier.meet(BUSY_DATABASE)  # and it is written when that has gone
        self.notifications.notify(job_id)

    def _write_back(self) -> None:
        """Tell the store of jobs that were put back."""
        for job_id in tuple(self._unwritten):
            self._store.put_back(job_id)
            self._unwritten.discard(job_id)

    def _transcribe(self, job: Job, decoder: Decoder) -> str:
        if job.starts > self._settings.fruitless_starts:
            log.error("job %s: given up after %d fruitless starts", job.id, job.starts - 1)
            self._endings.finish(job.id, "failed", _GIVEN_UP)
            return "failed"
        folder = self._folders.of(job.id)
        engine = EngineWindowDecoder(decoder, group=job.id, caller=job.owner)
        windows = DurableWindowDecoder(job.id, engine, self._store, self._workflows, self._turns)
        work = _Work(engine, windows)
        self._enter(job.id, work)
        try:
            self._bring_sound(job, folder, windows.check)
            transcript = self._pipeline(
                folder.upload,
                decode_options(job.options),
                windows,
                workspace=folder.workspace_to_start_in(),
                observer=ProgressReporter(
                    job, self._store, self.notifications, engine, windows.check
                ),
                limits=AudioLimits(max_seconds=self._settings.max_audio_seconds),
            )
            folder.keep_sound(windows.recordings)
            has_ended = self._endings.complete(job, transcript)
            if has_ended:
                self.barrier.got_through()
            self._tidy(job.id)
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
            self._store.set_progress(job.id, {"file_bytes": size})

    def _enter(self, job_id: str, work: _Work) -> None:
        with self._lock:
            self._at_work[job_id] = work
            is_stopping = self._is_stopping
        job = self._store.find(job_id)
        if is_stopping:
            work.stop(Interrupted())
        elif job is None or job.is_finished:
            work.stop(Cancelled("The job was cancelled."))

    def _tidy(self, job_id: str) -> None:
        """Remove files that a job which has ended no longer needs, also those that a crash left."""
        job = self._store.find(job_id)
        if job is not None and job.status == "completed":
            self._folders.of(job_id).drop_work()
        else:
            self._folders.of(job_id).remove()

    def _leave(self, job_id: str) -> None:
        self._let_go(job_id)
        self.dispatch()

    def _let_go(self, job_id: str) -> None:
        self._turns.leave(job_id)
        with self._lock:
            self._running.pop(job_id, None)
            held = self._held.pop(job_id, None)
        if held is not None:
            held.close()

    # Models

    def _model_changed(self, status: ModelStatus, _failure: Exception | None) -> None:
        """An engine was opened: its jobs begin. Or it cannot be had: nobody waits in vain.

        Jobs of the default model stay: without it the service ends, and may be mended.
        """
        if self._is_stopping:
            return
        if status.state == "unusable":
            kinds: tuple[Kind, ...] = ("request",) if status.is_default else KINDS
            self._turn_away(status, kinds, _NO_SUCH_ENGINE)
        elif obstacle_of_model(status) is not None:
            self._turn_away(status, ("request",), failure_of_obstacle(NO_MODEL))
        self.dispatch()

    def _turn_away(self, status: ModelStatus, kinds: tuple[Kind, ...], failure: Failure) -> None:
        """End what is queued for this model."""
        executor = self._workflows.executor
        for kind in kinds:
            for job in self._store.next_queued(executor, kind, ALL, status.names):
                self._endings.finish(job.id, "failed", failure)
                self._folders.of(job.id).remove()

    # Ending

    def _fail_unless_hindered(self, job: Job, error: Exception, work: _Work) -> str:
        """End the job badly. Raises what it can wait for; then none of its steps goes on."""
        try:
            return self._fail(job, error, work)
        except Exception:
            work.stop(Interrupted())
            work.windows.close(wait=True)  # or they would write into the history of its next run
            raise

    def _fail(self, job: Job, error: Exception, work: _Work) -> str:
        if self._is_stopping:
            raise Interrupted from error
        is_cancel = isinstance(error, Cancelled | CancelledError)
        obstacle = None if is_cancel else obstacle_of(error)
        if obstacle is not None and (job.kind == "job" or obstacle == BUSY_DATABASE):
            raise error  # and the job waits; a client does not wait for ever
        failure = _CANCELLED if is_cancel else failure_of(error)
        if obstacle in OF_STORAGE:
            self.barrier.meet(obstacle)
        if failure.is_ours and not is_cancel and obstacle is None:
            log.error("job %s failed: %s", job.id, failure.code, exc_info=error)
        status: Status = "cancelled" if is_cancel else "failed"
        self._endings.finish(job.id, status, failure)
        work.engine.cancel()  # windows that are still under way are for nobody
        self._folders.of(job.id).remove()
        return status


def _bring_nothing(*_given: object) -> None:
    """Where every job's sound is sent."""


@dataclass(frozen=True, slots=True)
class _Work:
    """A job that is being worked on: its windows, and the engine that decodes them."""

    engine: EngineWindowDecoder
    windows: DurableWindowDecoder

    def stop(self, reason: Exception | Interrupted) -> None:
        """Start no further step; what is in the engine leaves it."""
        self.windows.stop(reason)
        self.engine.cancel()


_CANCELLED = Failure("cancelled", "The job was cancelled.", is_ours=True)
_NO_SUCH_ENGINE = Failure(
    "model_unusable", "The model cannot be used on this machine; the log says why.", is_ours=True
)
_GIVEN_UP = Failure(
    "job_stops_service", "The service stopped every time it worked on this.", is_ours=True
)
