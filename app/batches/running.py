"""Batches from their input file to their output file: made into jobs, awaited, written down.

The jobs run as all do (app/jobs/jobs.py); what clients see of a batch is app/http/batches_api.py's.
Everything here blocks: call it from threads.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from app.batches.requests import ENDPOINTS, Line, read_lines
from app.errors import (
    OK,
    ApiError,
    bad_request,
    file_not_found,
    model_not_found,
    of_failure,
    too_busy,
)
from app.http.bodies import body_of
from app.http.fields import Fields
from app.http.forms import Asked, read_form
from app.http.multipart import clean_name
from app.jobs.sources import FILE_PREFIX, name_in
from app.service import Service
from app.settings import DAY
from app.storage.batch_store import Batch, BatchRequest, BatchStatus, StoredFile
from app.storage.codecs import decode_transcript, encode_options
from app.storage.folders import create_private
from app.storage.store import Job
from decoding.types import Task
from transcription.errors import AudioUnavailable
from transcription.options import TranscriptionOptions
from transcription.render import FORMATS

RETRY_SECONDS = 60.0
OUTPUT = "batch_output"
MICROSECOND = 1e-6


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for."""

    owner: str
    endpoint: str
    window: str
    input_file: str
    metadata: dict[str, str]


def create_batch(service: Service, order: Order) -> Batch:
    """Make the lines of the input file jobs, all or none. Raises `ApiError`.

    A file that is no list of requests makes a failed batch, which says what is wrong with it; a
    request that cannot be honoured a failed job.
    """
    settings = service.settings
    file = service.files.find_file(order.input_file, order.owner)
    if file is None:
        raise file_not_found(order.input_file[:100])
    if file.bytes > settings.max_batch_bytes:
        message = f"A batch's input file has at most {settings.max_batch_bytes} bytes."
        raise bad_request(message, param="input_file_id", code="file_too_large")
    content = service.folders.file(file.id).read_bytes()
    lines, errors = read_lines(content, order.endpoint, settings.queued_jobs_per_key)
    batch = _batch(service, order)
    if errors:
        documents = tuple(one.document() for one in errors)
        batch = replace(batch, status="failed", ended=batch.created, errors=documents)
        service.files.add_batch(batch)
        return batch
    _check_queue(service, order.owner, len(lines))
    made = [_job(service, batch, line) for line in lines]
    batch = replace(batch, total=len(made))
    service.files.add_batch(batch, [job for job, _ in made], [request for _, request in made])
    service.jobs.dispatch()
    return batch


def cancel_batch(service: Service, batch: Batch) -> None:
    """End what has not ended; what has stays, and is written down."""
    if service.files.change_batch(batch.id, {"status": "cancelling", "cancelling": time.time()}):
        for job_id in service.files.unfinished_jobs(batch.id):
            service.jobs.cancel(job_id)


def finish_batches(service: Service) -> None:
    """Write down the answers of batches whose jobs have all ended. Done again after a crash."""
    for batch in service.files.finished(service.executor):
        _finish(service, batch)


def sweep_files(service: Service) -> None:
    """Delete expired files and batches, and contents that belong to no file."""
    now = time.time()
    for file in service.files.expired_files(service.executor, now):
        delete_file(service, file)
    service.files.delete_expired_batches(service.executor, now)
    for path in service.folders.files.iterdir():
        if service.is_receiving(path) or not service.is_abandoned(path.stat().st_mtime):
            continue
        if service.files.find_file(path.name) is None:
            path.unlink(missing_ok=True)


def delete_file(service: Service, file: StoredFile) -> None:
    service.files.delete_file(file.id)
    service.folders.file(file.id).unlink(missing_ok=True)


def _batch(service: Service, order: Order) -> Batch:
    now = time.time()
    return Batch(
        id=f"batch_{secrets.token_hex(12)}",
        executor=service.executor,
        owner=order.owner,
        endpoint=order.endpoint,
        window=order.window,
        input_file=order.input_file,
        status="in_progress",
        created=now,
        expires=now + service.settings.result_days * DAY,
        metadata=order.metadata,
    )


def _check_queue(service: Service, owner: str, count: int) -> None:
    settings, store = service.settings, service.store
    if store.count_unfinished() + count > settings.queued_jobs:
        raise too_busy("Too many jobs are waiting; try again later.", RETRY_SECONDS)
    if store.count_unfinished(owner, "job") + count > settings.queued_jobs_per_key:
        message = f"This key may have {settings.queued_jobs_per_key} unfinished jobs."
        raise too_busy(message, RETRY_SECONDS)


def _job(service: Service, batch: Batch, line: Line) -> tuple[Job, BatchRequest]:
    """A line as a job; one that cannot be honoured has failed already."""
    job_id = f"job_{secrets.token_hex(12)}"
    request = BatchRequest(job_id, batch.id, line.number, line.custom_id, line.form, line.source)
    name = line.source if line.source.startswith(FILE_PREFIX) else name_in(line.source)
    job = Job(
        id=job_id,
        executor=service.executor_for("job"),
        owner=batch.owner,
        kind="job",
        status="queued",
        created=batch.created + line.number * MICROSECOND,  # in the order of the file
        fingerprint=hashlib.sha256(f"{batch.id} {line.number}".encode()).hexdigest(),
        file_name=clean_name(name),
        file_bytes=0,
        model=service.model.shown_name,
        options=encode_options(TranscriptionOptions()),
    )
    try:
        model_name, asked = _read(service, batch, request)
        _check_source(service, batch, line.source)
        job = replace(job, model=model_name, options=encode_options(asked.options))
    except (ApiError, AudioUnavailable) as error:
        job = _failed(service, job, error)
    return job, request


def _failed(service: Service, job: Job, error: ApiError | AudioUnavailable) -> Job:
    param = error.param if isinstance(error, ApiError) else "url"
    return replace(
        job,
        executor=service.executor,
        status="failed",
        finished=job.created,
        expires=job.created + service.settings.result_days * DAY,
        error_code=error.code or "invalid_value",
        error_message=str(error.message if isinstance(error, ApiError) else error),
        error_param=param,
    )


def _read(service: Service, batch: Batch, request: BatchRequest) -> tuple[str, Asked]:
    """The model and the options of a request. Raises `ApiError`."""
    fields = Fields(request.form)
    name = fields.text("model")
    model = service.model_named(name)
    if model is None:
        raise model_not_found((name or "")[:100], service.names)
    asked = read_form(fields, model.card, cast(Task, ENDPOINTS[batch.endpoint]))
    return model.shown_name, asked


def _check_source(service: Service, batch: Batch, source: str) -> None:
    if not source.startswith(FILE_PREFIX):
        service.sources.check(source)
    elif service.files.find_file(source, batch.owner) is None:
        raise file_not_found(source[:100])


def _finish(service: Service, batch: Batch) -> None:
    """Write the two files, then end the batch; a crash in between makes them anew."""
    found = [(one, service.store.find(one.job)) for one in service.files.requests_of(batch.id)]
    ended = [(request, job) for request, job in found if job is not None]
    completed = [one for one in ended if one[1].status == "completed"]
    failed = [one for one in ended if one[1].status != "completed"]
    values: dict[str, Any] = {
        "output_file": _write(service, batch, "output", completed),
        "error_file": _write(service, batch, "error", failed),
    }
    values["completed"], values["failed"] = service.files.count_ended(batch.id)
    status: BatchStatus = "completed" if batch.cancelling is None else "cancelled"
    service.files.change_batch(batch.id, {**values, "status": status, "ended": time.time()})


def _write(
    service: Service, batch: Batch, kind: str, done: Sequence[tuple[BatchRequest, Job]]
) -> str | None:
    """The file of these requests' answers; None where there are none."""
    file_id = f"{FILE_PREFIX}{kind}-{batch.id.removeprefix('batch_')}"
    path = service.folders.file(file_id)
    with create_private(path) as file:
        for request, job in done:
            line = json.dumps(_answer(service, batch, request, job), ensure_ascii=False)
            file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    size = path.stat().st_size
    if not size:
        path.unlink()
        return None
    now = time.time()
    expires = now + service.settings.result_days * DAY
    name = f"{batch.id}_{kind}.jsonl"
    stored = StoredFile(file_id, service.executor, batch.owner, OUTPUT, name, size, now, expires)
    service.files.delete_file(file_id)  # of a try that a crash ended
    service.files.add_file(stored)
    return file_id


def _answer(service: Service, batch: Batch, request: BatchRequest, job: Job) -> dict[str, Any]:
    """One line: the answer that the request would have got."""
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    if job.status == "cancelled":
        error = {"code": "batch_cancelled", "message": "This request was not carried out."}
    elif job.failure is not None:
        failure = of_failure(job.failure)
        response = {"status_code": failure.status, "body": failure.body()}
    else:
        response = {"status_code": OK, "body": _body(service, batch, request)}
    if response is not None:
        response["request_id"] = request.job
    return {
        "id": f"batch_req_{request.job.removeprefix('job_')}",
        "custom_id": request.custom_id,
        "response": response,
        "error": error,
    }


def _body(service: Service, batch: Batch, request: BatchRequest) -> Any:
    """The transcript as it was asked for: an object, or a text where the format is no JSON."""
    stored = service.store.find_transcript(request.job)
    _, asked = _read(service, batch, request)
    if stored is None:
        return None
    body = b"".join(body_of(decode_transcript(stored), asked)).decode()
    return json.loads(body) if FORMATS[asked.response_format].is_json else body
