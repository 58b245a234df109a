"""Jobs from their acceptance to their end, whoever asked: one path for files and connections.

A waiting request is a job too, with its own queue and an early end. This file decides when a job
runs; runs.py carries it out, workflows.py makes it durable, store.py remembers, HTTP is far away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack

from app.engines.pool import EnginePool
from app.engines.states import ModelStatus
from app.errors import Failure, failure_of_obstacle
from app.jobs.checkpoints import Interrupted
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
from app.jobs.other_services import OtherServices
from app.jobs.put_back import LEAVING_SECONDS, PutBack
from app.jobs.runs import CANCELLED, JobRuns, Pipeline
from app.jobs.turns import Turns
from app.jobs.workflows import Workflows, job_of, webhook_id, workflow_id
from app.settings import Settings
from app.storage.folders import Folders
from app.storage.shared_queue import SharedQueue
from app.storage.store import Job, Kind, Store
from app.storage.tables import DATABASE_ERRORS
from decoding.types import Decoder
from transcription.errors import Cancelled

TRANSCRIBE = "transcribe"
ALL = 1_000_000  # jobs
KINDS: tuple[Kind, ...] = ("request", "job")

log = logging.getLogger(__name__)


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
        self._turns = Turns(settings.lone_job_steps, settings.suspect_starts)
        self._lock = threading.Lock()
        self._joining = threading.Lock()
        self._running: dict[str, Job] = {}
        self._held: dict[str, ExitStack] = {}  # engines of jobs that are about to begin
        self._startable: set[str] = set()  # models whose jobs could begin at the last dispatch
        self._put_back = PutBack()
        self.queue: SharedQueue | None = None  # where jobs come from that several services share
        self.barrier = Barrier(
            {
                FULL_DISK: lambda: self.obstacle_of_storage() is None,
                BUSY_DATABASE: lambda: self.obstacle_of_storage() is None,
            }
        )
        self.notifications = Notifications()
        self._endings = Endings(settings, store, self.notifications, workflows.executor)
        self.on_end = self._endings.watchers
        self.runs = JobRuns(
            settings,
            store,
            folders,
            workflows,
            pipeline,
            self._turns,
            self.barrier,
            self._endings,
            self.notifications,
        )
        self._others = OtherServices(self.runs, self._turns, self.notifications)
        workflows.register(TRANSCRIBE, self._run)
        engines.changed.append(self._model_changed)

    # From outside

    def prepare(self, executor: str) -> None:
        """Know what a stop or a crash interrupted, before the first of it goes on.

        Each takes its share of the engine then, as if the others ran already, and suspects go
        first (turns.py).
        """
        unfinished = self._store.unfinished(executor)
        for job in unfinished:
            if self._engines.find(job.model) is None:  # the settings have changed since
                log.warning("job gets another model", extra={"fields": {"job": job.id}})
                self._store.change_model(job.id, self._engines.default.name)
        interrupted = [job for job in unfinished if job.status == "running"]
        with self._lock:
            self._running = {job.id: job for job in interrupted}
            queued = self._next(self._engines.startable())
        for job in interrupted:
            self._turns.enter(job.id, job.starts)
        for job in queued:  # nobody waits for these before they are chosen: they might not be
            self._turns.enter(job.id)

    def open(self) -> None:
        """Take up what was interrupted and does not go on by itself, then what is queued."""
        with self._lock:
            interrupted = list(self._running.values())
        for job in interrupted:
            name = workflow_id(job.id, job.generation)
            if not self._workflows.is_under_way(name):
                self._workflows.start_anew(TRANSCRIBE, name, name)
        self.dispatch()

    def tend(self) -> None:
        """Call it now and then: jobs that wait for an obstacle to go, go on when it has gone."""
        self._engines.tend()
        if self.queue is not None:
            self._heed(self.queue)
        if self.barrier.look():
            log.info("jobs go on")
            self._put_back.write(self._store)
            self.dispatch()
        elif self._put_back.any_lately() or self._engines.startable() != self._startable:
            self.dispatch()  # its workflow has left, or an engine went away or came back

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
            same = self._store.find_same_request(job.executor, job.owner, job.fingerprint)
            if same is not None and (same.failure is None or accepts_failure(same.failure)):
                if same.is_finished:  # keep it long enough to be read
                    grace = self._settings.request_grace_seconds
                    self._store.set_expiry(same.id, time.time() + grace)
                return same
            self.add(job)
        return job

    def cancel(self, job_id: str) -> bool:
        """End an unfinished job now; its windows leave the engine. False if it had ended."""
        was_running = self._endings.finish(job_id, "cancelled", CANCELLED)
        if not self.runs.stop(job_id, Cancelled("The job was cancelled.")):
            self._turns.leave(job_id)  # if it waits to begin
            self._folders.of(job_id).remove()
        return was_running

    def delete(self, job_id: str) -> None:
        """Remove a job, its sound and its text; an unfinished one is cancelled first."""
        self.cancel(job_id)
        job = self._store.find(job_id)
        self._store.delete(job_id)
        self._forget(job_id, job.generation if job else 0)
        self._folders.of(job_id).remove()
        self._store.compact()

    def _forget(self, job_id: str, generation: int) -> None:
        """Remove the history of workflows that are over: others would look in vain for theirs.

        Those of earlier generations are: nobody takes them up.
        """
        names = [name(job_id, generation) for name in (workflow_id, webhook_id)]
        end = time.monotonic() + LEAVING_SECONDS
        while self._is_at_work(names[0]) and time.monotonic() < end:
            time.sleep(0.01)
        over = [name for name in names if not self._is_at_work(name)]
        before = [name(job_id, g) for name in (workflow_id, webhook_id) for g in range(generation)]
        self._workflows.forget(*over, *before)

    def _is_at_work(self, name: str) -> bool:
        """A workflow is at work after its job has ended until its own end is stored."""
        return job_of(name)[0] in self._running or self._workflows.is_under_way(name)

    def running(self) -> int:
        with self._lock:
            return len(self._running)

    def close(self, patience: float = 5.0) -> None:
        """Stop. Running jobs stay as they are and go on at the next start."""
        self.runs.stop_all(patience)

    # Running

    def dispatch(self) -> None:
        """Start queued jobs while there is room: owners with fewer running jobs go first.

        What stands in the way of all is no reason to fail for whoever calls: the jobs wait.
        """
        try:
            self._begin_all(self._choose())
            for name in self._store.queued_models(self._workflows.executor):
                self._engines.want(name)
            for name in self.queue.models() if self.queue is not None else ():
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
            if self.runs.is_stopping or self.barrier.standing is not None:
                return []
            chosen = self._next(self._startable)
            self._running.update({job.id: job for job in chosen})
            for job in chosen:  # so that it is not closed before the job's own thread has come
                self._held[job.id] = self._engines.hold(job.model)
        for job in chosen:
            self._turns.enter(job.id, job.starts)
        return chosen

    def _begin_all(self, chosen: Sequence[Job]) -> None:
        """Begin these jobs; when one cannot be begun, it waits and those behind it do."""
        for place, job in enumerate(chosen):
            try:
                self._begin(job)
            except BaseException:
                for waiting in chosen[place:]:
                    self._let_go(waiting.id)
                raise

    def _begin(self, job: Job) -> None:
        """Hand the job to its workflow; one that ran before begins again at its checkpoints."""
        name = workflow_id(job.id, job.generation)
        was_started = job.started is not None  # perhaps by a service that was killed
        if job.id in self._put_back or (was_started and not self._workflows.is_under_way(name)):
            self._workflows.start_anew(TRANSCRIBE, name, name)
            self._put_back.remove(job.id)
        else:
            self._workflows.start(TRANSCRIBE, name, name)

    def _next(self, models: Collection[str]) -> list[Job]:
        """Queued jobs of these models for which there is room."""
        return [job for kind in KINDS for job in self._next_of(kind, models)]

    def _next_of(self, kind: Kind, models: Collection[str]) -> list[Job]:
        settings = self._settings
        limit = settings.running_jobs if kind == "job" else settings.running_requests
        room = limit - sum(running.kind == kind for running in self._running.values())
        if room <= 0:
            return []
        # A chosen job is marked as running by its own thread, a moment after it was chosen.
        limit = room + len(self._running) + len(self._put_back)
        free = self._free(kind, limit, models)
        lacking = room - len(free)
        if self.queue is None or kind == "request" or lacking <= 0:
            return free[:room]
        return self._free(kind, limit, models) if self.queue.claim(lacking, models) else free

    def _free(self, kind: Kind, limit: int, models: Collection[str]) -> list[Job]:
        queued = self._store.next_queued(self._workflows.executor, kind, limit, models)
        return [job for job in queued if not self._is_taken(job)]

    def _is_taken(self, job: Job) -> bool:
        """Whether the job is chosen already, or its last workflow is about to leave: what is
        started under the same name would keep that one waiting for ever."""
        if job.id in self._running:
            return True
        name = workflow_id(job.id, job.generation)
        return self._put_back.is_leaving(job.id) and self._workflows.is_under_way(name)

    def _run(self, workflow: str) -> str:
        """The workflow, told its own name. Whatever happens to the job, it succeeds itself."""
        job_id, generation = job_of(workflow)
        try:
            return self._run_through(job_id, generation)
        except Exception as error:
            obstacle = obstacle_of(error)
            if obstacle is None or self.runs.is_stopping:
                raise
            self._wait_for(obstacle, job_id, generation)
            return "put back"
        finally:
            self._leave(job_id)

    def _run_through(self, job_id: str, generation: int) -> str:
        self._turns.begin(job_id)
        if self.runs.is_stopping:
            raise Interrupted
        job = self._store.start(job_id, time.time(), generation=generation)
        if job is None:
            self.runs.tidy(job_id)
            return "over"
        with self._engines.lease(job.model) as decoder:
            if decoder is not None:
                return self._start(job, decoder)
        self._put_back_into_queue(job_id, generation)
        return "put back"

    def _start(self, job: Job, decoder: Decoder) -> str:
        with self._lock:
            self._running[job.id] = job
        log.info("job started", extra={"fields": {"job": job.id, "kind": job.kind}})
        self.notifications.notify(job.id)
        return self.runs.transcribe(job, decoder)

    def _wait_for(self, obstacle: Obstacle, job_id: str, generation: int) -> None:
        """Put a job that met an obstacle back into the queue, as well as that can be."""
        fields = {"job": job_id, "obstacle": obstacle.code}
        log.warning("job waits", extra={"fields": fields})
        if obstacle in OF_STORAGE:
            self.barrier.meet(obstacle)
        if obstacle == FULL_DISK:  # what was decoded can be decoded again
            self._folders.of(job_id, generation).drop_workspace()
        self._put_back_into_queue(job_id, generation)

    def _put_back_into_queue(self, job_id: str, generation: int) -> None:
        self._put_back.add(job_id)
        try:
            self._store.put_back(job_id, generation=generation)
        except DATABASE_ERRORS:
            self._put_back.owe(job_id, generation)
            self.barrier.meet(BUSY_DATABASE)  # and it is written when that has gone
        self.notifications.notify(job_id)

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

    def _heed(self, queue: SharedQueue) -> None:
        """What other services did: took jobs over, ended them, brought them on, queued some."""
        try:
            with self._lock:
                running = tuple(self._running.values())
            self._others.heed(queue, running)
            with self._lock:
                queue.give_back(self._running)
                self._put_back.forget_earlier()
        except DATABASE_ERRORS:
            return  # nothing can be heard now
        self.dispatch()

    # Models

    def _model_changed(self, status: ModelStatus, _failure: Exception | None) -> None:
        """An engine was opened: its jobs begin. Or it cannot be had: nobody waits in vain.

        Jobs of the default model stay: without it the service ends, and may be mended.
        """
        if self.runs.is_stopping:
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


_NO_SUCH_ENGINE = Failure(
    "model_unusable", "The model cannot be used on this machine; the log says why.", is_ours=True
)
