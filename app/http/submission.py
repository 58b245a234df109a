"""From a request to an accepted job: room, form, options, file, queue."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from starlette.requests import Request

from app.engines.states import ModelStatus
from app.errors import (
    bad_request,
    conflicting_key,
    hindered,
    model_not_found,
    too_busy,
    unavailable,
)
from app.http.fields import Fields
from app.http.forms import Asked, read_form
from app.http.middleware import declared_bytes
from app.http.places import Turn
from app.http.uploads import Upload, check_room, on_disk, receive_form, receive_raw, tidy_on_disk
from app.service import Service
from app.storage.codecs import decode_options, encode_options
from app.storage.folders import PRIVATE_FOLDER, JobFolder
from app.storage.store import Job, Kind
from chunking.options import WindowOptions
from decoding.types import Task
from transcription.options import TranscriptionOptions

MAX_IDEMPOTENCY_KEY = 255
SECONDS_PER_WAITING_JOB = 5.0  # what Retry-After supposes
FORMER_OVERLAP = 5.0  # of the longest windows, if nobody said how much


class Receive(Protocol):
    """Reads a request into the folder of a job, turn by turn."""

    def __call__(self, job_id: str, folder: JobFolder, turn: Turn) -> Awaitable[Taken]: ...


@dataclass(frozen=True, slots=True)
class Taken:
    """An upload on disk and what is to be done with it."""

    job_id: str
    asked: Asked
    upload: Upload
    model: ModelStatus


async def take_form(service: Service, request: Request, task: Task, kind: Kind) -> Taken:
    """Read a form to its end. Raises `ApiError`, and then nothing is left behind."""

    def judge(fields: Fields, *, is_whole: bool) -> Asked:
        model = _chosen(service, fields, is_required=is_whole and kind == "request")
        asked = read_form(fields, model.card, task, is_whole=is_whole)
        if is_whole:
            service.webhooks.check(asked.webhook_url)
        return asked

    glance = partial(judge, is_whole=False)

    async def receive(job_id: str, folder: JobFolder, turn: Turn) -> Taken:
        target = folder.upload
        fields, upload = await receive_form(request, turn, target, service.settings, glance)
        asked = await asyncio.to_thread(judge, fields, is_whole=True)
        if upload is None:
            message = "file is required."
            raise bad_request(message, param="file", code="missing_required_parameter")
        return Taken(job_id, asked, upload, _chosen(service, fields, is_required=False))

    return await _take(service, request, kind, receive)


async def take_raw(service: Service, request: Request, task: Task) -> Taken:
    """Read a body that is the file; the options stand in the query."""
    fields = Fields(request.query_params.multi_items())
    model = _chosen(service, fields, is_required=False)
    asked = await asyncio.to_thread(read_form, fields, model.card, task)
    await asyncio.to_thread(service.webhooks.check, asked.webhook_url)

    async def receive(job_id: str, folder: JobFolder, turn: Turn) -> Taken:
        name = fields.text("filename") or "audio"
        upload = await receive_raw(request, turn, folder.upload, service.settings, name)
        return Taken(job_id, asked, upload, model)

    return await _take(service, request, "job", receive)


def _chosen(service: Service, fields: Fields, *, is_required: bool) -> ModelStatus:
    """The model that the form names, the default if it names none."""
    name = fields.text("model")
    if name is None and is_required:
        raise bad_request("model is required.", param="model", code="missing_required_parameter")
    model = service.model_named(name)
    if model is None:
        raise model_not_found((name or "")[:100], service.names)
    return model


async def _take(
    service: Service,
    request: Request,
    kind: Kind,
    receive: Receive,
) -> Taken:
    if kind == "request" and (obstacle := service.obstacle()) is not None:
        raise hindered(obstacle)  # before it costs anyone the upload
    caller, peer = request.state.caller, request.client.host if request.client else ""
    async with service.uploads.taken(caller, peer) as turn:
        await asyncio.to_thread(_check_queue, service, caller, kind)
        expected = declared_bytes(request.headers)
        await on_disk(check_room, service.folders, service.settings, expected)
        return await _received(service, kind, partial(receive, turn=turn))


async def _received(
    service: Service, kind: Kind, receive: Callable[[str, JobFolder], Awaitable[Taken]]
) -> Taken:
    """What `receive` takes into a new folder, which is gone if it fails."""
    job_id = f"{'req' if kind == 'request' else 'job'}_{secrets.token_hex(12)}"
    folder = service.folders.of(job_id)
    try:
        service.receiving.add(job_id)
        await on_disk(folder.path.mkdir, mode=PRIVATE_FOLDER)
        taken = await receive(job_id, folder)
        if not taken.upload.size:
            raise bad_request("The file is empty.", param="file", code="empty_file")
        if kind == "request" and (obstacle := service.obstacle(taken.model)) is not None:
            raise hindered(obstacle)
        if not await on_disk(folder.upload.exists):  # while we slept another service swept it
            raise unavailable("The upload was taken for abandoned; send it again.")
    except BaseException:
        await tidy_on_disk(folder.remove)
        raise
    finally:
        service.receiving.discard(job_id)
    return taken


def accept_job(service: Service, caller: str, taken: Taken, idempotency_key: str | None) -> Job:
    """Queue a job, or find the one that this idempotency key made before. Blocks."""
    job = replace(_job(service, caller, taken, "job"), idempotency_key=idempotency_key)
    with _tidying(service, job):
        is_new = service.jobs.add(job)
    if is_new:
        return job
    service.folders.of(job.id).remove()
    known = service.store.find_by_idempotency_key(caller, idempotency_key or "")
    if known is None or not _asks_the_same(service, known, taken):
        raise conflicting_key()
    return known


def accept_request(service: Service, caller: str, taken: Taken, *, is_retry: bool) -> Job:
    """Queue a waiting request, or join the same one of this caller. Blocks.

    The same: sound, model and options. A failure is told again only to a client that says it
    tries again; for anyone else the work is done anew.
    """
    job = _job(service, caller, taken, "request")
    with _tidying(service, job):
        same = service.jobs.join_or_add(
            job, accepts_failure=lambda failure: is_retry and not failure.is_passing
        )
    if same.id != job.id:
        service.folders.of(job.id).remove()
    return same


@contextmanager
def _tidying(service: Service, job: Job) -> Iterator[None]:
    """What raises within leaves no folder without a job; one whose job was stored stays."""
    try:
        yield
    except BaseException:
        if service.store.find(job.id) is None:
            service.folders.of(job.id).remove()
        raise


def idempotency_key(request: Request) -> str | None:
    """The header, checked."""
    key = request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
        message = f"Idempotency-Key takes 1 to {MAX_IDEMPOTENCY_KEY} characters."
        raise bad_request(message, param="Idempotency-Key")
    return key


def _job(service: Service, caller: str, taken: Taken, kind: Kind) -> Job:
    options = encode_options(taken.asked.options)
    return Job(
        id=taken.job_id,
        executor=service.executor_for(kind),
        owner=caller,
        kind=kind,
        status="queued",
        created=time.time(),
        fingerprint=_fingerprint(service, taken, options),
        file_name=taken.upload.name,
        file_bytes=taken.upload.size,
        model=taken.model.shown_name,
        options=options,
        webhook_url=taken.asked.webhook_url if kind == "job" else None,
    )


def _fingerprint(service: Service, taken: Taken, options: str) -> str:
    settings = service.settings
    source = settings.source_of(taken.model.name)
    whole = "\n".join((taken.upload.digest, source, str(settings.adapter), options))
    return hashlib.sha256(whole.encode()).hexdigest()


def _asks_the_same(service: Service, known: Job, taken: Taken) -> bool:
    """Whether a job is of this file, model and options.

    An earlier release may have made it, which wrote fewer options down: those that it did not know
    count as not given, and its fingerprint is of what it wrote.
    """
    if not _are_same_options(decode_options(known.options), taken.asked.options):
        return False
    return known.fingerprint == _fingerprint(service, taken, known.options)


def _check_queue(service: Service, caller: str, kind: Kind) -> None:
    """Raise when no more may wait, before the upload costs anyone anything."""
    settings, store = service.settings, service.store
    waiting = store.count_unfinished()
    if waiting >= settings.queued_jobs:
        message = "Too many jobs are waiting; try again later."
        raise too_busy(message, SECONDS_PER_WAITING_JOB * waiting)
    if store.count_unfinished(caller, kind) >= settings.queued_jobs_per_key:
        message = f"This key has {settings.queued_jobs_per_key} unfinished jobs; let some end."
        raise too_busy(message, SECONDS_PER_WAITING_JOB * settings.queued_jobs_per_key)


def _are_same_options(known: TranscriptionOptions, asked: TranscriptionOptions) -> bool:
    """Whether the same was asked for; perhaps of a release whose windows shared a sixth of them."""
    windows = asked.windows
    if windows.overlap != WindowOptions.of(windows.window).overlap:
        return known == asked
    sixth = FORMER_OVERLAP * (windows.window / WindowOptions().window)
    return known in (asked, replace(asked, windows=replace(windows, overlap=sixth)))
