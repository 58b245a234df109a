"""Everything one running service consists of, opened together and closed together."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from app.engines.names import ModelNames
from app.engines.pool import EnginePool
from app.engines.states import ModelStatus
from app.http.api_keys import ApiKeys
from app.http.places import PlaceLimits, Places, Seats
from app.jobs.jobs import Jobs
from app.jobs.leases import Lease
from app.jobs.obstacles import Obstacle, obstacle_of, obstacle_of_model
from app.jobs.runs import Pipeline
from app.jobs.sources import Sources
from app.jobs.webhooks import Webhooks
from app.jobs.workflows import Workflows, executor_of, known_executor
from app.metrics import Metrics
from app.settings import Settings
from app.storage.batch_store import BatchStore
from app.storage.folders import Folders
from app.storage.shared_queue import PREFIX, QUEUE, SharedQueue
from app.storage.store import Kind, Store
from app.storage.tables import sqlite_url

TEND_SECONDS = 0.5

Chore = Callable[[], None]

log = logging.getLogger(__name__)


class Service:
    """The parts, and who waits for which job. Created and used on one event loop."""

    def __init__(
        self, settings: Settings, keys: ApiKeys, engines: EnginePool, pipeline: Pipeline
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.engines = engines
        self.names = ModelNames(engines.names, settings.model_aliases)
        self.began = time.time()
        with ExitStack() as opened:
            self._open_parts(opened, pipeline)
            self._opened = opened.pop_all()
        self.uploads = Places(
            PlaceLimits(
                settings.uploads_per_key,
                settings.waiting_uploads_per_key,
                settings.upload_wait_seconds,
                settings.upload_turn_seconds,
            )
        )
        self.receiving: set[str] = set()  # names of jobs whose upload is under way
        self.watchers = Seats(settings.watchers_per_key, "event streams")
        self.metrics = Metrics(self.store, engines, self.uploads)
        self.jobs.on_end += [self.metrics.ended, self.webhooks.job_ended]
        # What is done again and again while the service is open; each may block.
        self.sweeps: list[Chore] = [partial(sweep, self)]  # removes what has expired
        self.tends: list[Chore] = [self.jobs.tend, self._go_on_for_others]  # lets go on what waited
        self.is_open = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def _open_parts(self, opened: ExitStack, pipeline: Pipeline) -> None:
        """What must be closed again, also when a later part cannot be opened."""
        settings = self.settings
        self.folders = Folders(settings.data_dir, is_shared=settings.shared_queue)
        opened.callback(self.folders.close)
        url = settings.database_url or sqlite_url(settings.data_dir)
        if settings.shared_queue:  # a new name each time: its successor is another service
            self.executor = f"{PREFIX}{uuid.uuid4().hex[:12]}"
        else:
            self.executor = executor_of(settings.data_dir, f"executor-{uuid.uuid4().hex[:12]}")
        self.store = Store(url, busy_seconds=settings.database_busy_seconds)
        opened.callback(self.store.close)
        self.files = BatchStore(url, busy_seconds=settings.database_busy_seconds)
        opened.callback(self.files.close)
        queue = self._open_queue(opened, url) if settings.shared_queue else None
        self.lease = Lease(queue, settings.lease_seconds) if queue is not None else None
        if self.lease is not None:
            opened.callback(self.lease.close)
        self.sources = Sources(settings, self.files, self.folders)
        self.workflows = Workflows(url, self.executor, settings.step_attempts)
        opened.callback(self.workflows.close)
        self.jobs = Jobs(settings, self.store, self.folders, self.workflows, self.engines, pipeline)
        self.jobs.runs.bring = self.sources.bring
        self.webhooks = Webhooks(settings, self.store, self.workflows)
        self.jobs.queue = queue

    def _open_queue(self, opened: ExitStack, url: str) -> SharedQueue:
        """The queue that we share. Raises `FolderUnusable` where its services share another folder
        than ours."""
        queue = SharedQueue(url, self.executor, self.settings.lease_seconds)
        opened.callback(queue.close)
        self.folders.check_mark(queue.agreed_folder(self.folders.mark()))
        return queue

    @property
    def model(self) -> ModelStatus:
        """The default, which a request gets that names none."""
        return self.engines.default

    def model_named(self, name: str | None) -> ModelStatus | None:
        """The model that a request means by `name`, the default for None; None if it means none."""
        if name is None:
            return self.model
        return self.engines.find(self.names.meant_by(name) or name)

    def obstacle(self, model: ModelStatus | None = None) -> Obstacle | None:
        """What keeps jobs of the model, or of every model, from running now. Asks nobody.

        A model that is being loaded is none: who comes now waits for it.
        """
        models = self.engines.statuses() if model is None else [model]
        met = [obstacle_of_model(one) for one in models]
        return self.jobs.barrier.standing or (met[0] if all(met) else None)

    def is_abandoned(self, changed: float) -> bool:
        """Whether no upload adds any more to what it changed last at that time (epoch seconds):
        what a service before this one left, and what has lain for long."""
        is_left = changed < self.began and self.lease is None  # others may be at it
        return is_left or time.time() - changed > self.settings.abandoned_seconds

    def is_receiving(self, path: Path) -> bool:
        """Whether an upload into it is under way here; other services are shown that it is."""
        if path.name not in self.receiving:
            return False
        if self.lease is not None:  # it may wait long for its next turn
            with suppress(OSError):
                os.utime(path)
        return True

    def executor_for(self, kind: Kind) -> str:
        """Who is to do a new job: whoever has room where a queue is shared. The client of a request
        waits at this service."""
        return QUEUE if self.lease is not None and kind == "job" else self.executor

    def launch(self) -> None:
        """Start the workflows and take up unfinished jobs. Blocks; call it in a thread."""
        if self.lease is not None and self.jobs.queue is not None:
            self.lease.open()
            self.jobs.queue.take_lost(known_executor(self.settings.data_dir))
        self.jobs.prepare(self.executor)
        self.workflows.launch()
        self.jobs.open()
        self.webhooks.open(self.executor)

    async def open(self) -> None:
        await asyncio.to_thread(self.launch)
        self._keep(self._repeat(self.sweeps, self.settings.sweep_seconds))
        self._keep(self._repeat(self.tends, TEND_SECONDS))
        self._loop = asyncio.get_running_loop()
        await self._see_to_requests()
        self.is_open = True
        self.engines.want(self.model.name)

    async def _see_to_requests(self) -> None:
        """Their clients went down with the service, or will come again."""
        for job in await asyncio.to_thread(self.store.unfinished, self.executor):
            if job.kind == "request" and (job.generation or not self.is_open):
                self._keep(self._cancel_unless_waited_for(job.id))

    def _go_on_for_others(self) -> None:
        """Do what services were at that died: their jobs are in the queue, the rest is ours."""
        if self.lease is None or self._loop is None or not self.lease.has_taken.is_set():
            return
        self.lease.has_taken.clear()
        try:
            self.webhooks.open(self.executor)
        except BaseException:
            self.lease.has_taken.set()  # and it is tried again
            raise
        asyncio.run_coroutine_threadsafe(self._see_to_requests(), self._loop)

    async def close(self) -> None:
        self.is_open = False
        for task in self._tasks:
            task.cancel()
        self.jobs.notifications.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.jobs.close()
        self._opened.close()

    @contextmanager
    def waiting(self, job_id: str) -> Iterator[None]:
        """Somebody waits for this request; when nobody does any more it is given up."""
        self._waiting[job_id] += 1
        try:
            yield
        finally:
            self._waiting[job_id] -= 1
            if not self._waiting[job_id]:
                del self._waiting[job_id]
                if self.is_open:
                    self._keep(self._cancel_unless_waited_for(job_id))

    async def _cancel_unless_waited_for(self, job_id: str) -> None:
        job = await asyncio.to_thread(self.store.find, job_id)
        if job is None or job.is_finished:
            return
        await asyncio.sleep(self.settings.disconnect_grace_seconds)
        if not self._waiting[job_id]:
            await asyncio.to_thread(self.jobs.cancel, job_id)

    async def _repeat(self, chores: Sequence[Chore], seconds: float) -> None:
        """Do these now, and again after every pause, for ever."""
        while True:
            for chore in chores:
                await self._try(asyncio.to_thread(chore))
            await asyncio.sleep(seconds)

    async def _try(self, work: Coroutine[None, None, None]) -> None:
        """Housekeeping that fails now is done another time."""
        try:
            await work
        except Exception as error:  # the outermost place of what nobody waits for
            obstacle = obstacle_of(error)
            if obstacle is None:
                log.error("housekeeping failed", exc_info=error)
            else:
                log.warning("housekeeping waits", extra={"fields": {"obstacle": obstacle.code}})

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._try(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def sweep(service: Service) -> None:
    """Delete expired jobs, expired sound, and folders that belong to no job.

    Goes by the state of jobs, never by age alone.
    """
    now = time.time()
    whole, sound = service.store.expired(service.executor, now)
    for job in whole:
        service.jobs.delete(job.id)
    for job in sound:
        service.folders.of(job.id).remove()
        service.store.forget_audio(job.id)
    for name in service.folders.names():
        path = service.folders.of(name).path
        if service.is_receiving(path):  # it may wait long for its next turn
            continue
        if _is_abandoned(service, path) and service.store.find(name) is None:
            service.folders.of(name).remove()


def _is_abandoned(service: Service, folder: Path) -> bool:
    try:
        newest = max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    except OSError:
        return False
    return service.is_abandoned(newest)
