"""Jobs over HTTP: submit, list, look, cancel, delete. Another key's job is no job."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from app.errors import ACCEPTED, NO_CONTENT, OK
from app.http.dependencies import ERRORS, CallerIn, JobIn, ServiceIn, note_job
from app.http.job_documents import job_document
from app.http.schemas import JOB, JOBS, RAW_BODY, content, form_body
from app.http.submission import Taken, accept_job, idempotency_key, take_form, take_raw
from app.service import Service
from app.storage.store import Page, Status

MAX_PAGE = 100
ACCEPTED_JOB = {ACCEPTED: content(JOB, "The job, queued."), **ERRORS}
FORM = form_body("transcribe", required=("file",))
TaskIn = Annotated[
    Literal["transcribe", "translate"], Query(description="transcribe, or translate into English")
]

job_routes = APIRouter(prefix="/v1/jobs")


@job_routes.post("", status_code=ACCEPTED, responses=ACCEPTED_JOB, openapi_extra=FORM)
async def submit(request: Request, service: ServiceIn, task: TaskIn = "transcribe") -> Response:
    """Queue a recording. The fields are those of the transcription form."""
    key = idempotency_key(request)
    taken = await take_form(service, request, task, "job")
    return await _accepted(request, service, taken, key)


@job_routes.put("", status_code=ACCEPTED, responses=ACCEPTED_JOB, openapi_extra=RAW_BODY)
async def submit_raw(request: Request, service: ServiceIn, task: TaskIn = "transcribe") -> Response:
    """Queue a large recording: the body is the file, the options stand in the query."""
    key = idempotency_key(request)
    taken = await take_raw(service, request, task)
    return await _accepted(request, service, taken, key)


@job_routes.get("", responses={OK: content(JOBS, "Newest first."), **ERRORS})
async def list_jobs(
    service: ServiceIn,
    caller: CallerIn,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    after: str | None = None,
    status: Status | None = None,
) -> dict[str, Any]:
    """Your jobs; `after` is the id of the last one of the page before."""
    page = Page(limit + 1, after, status)
    found = await asyncio.to_thread(service.store.page_of, caller, page)
    data = [job_document(job) for job in found[:limit]]
    return {"object": "list", "data": data, "has_more": len(found) > limit}


@job_routes.get("/{job_id}", responses={OK: content(JOB, "The job."), **ERRORS})
async def one_job(job: JobIn) -> dict[str, Any]:
    """How far a job is."""
    return job_document(job)


@job_routes.delete("/{job_id}", status_code=NO_CONTENT, responses=ERRORS)
async def end_job(service: ServiceIn, job: JobIn) -> Response:
    """Cancel an unfinished job; remove a finished one with its sound and its text."""
    if job.is_finished or not await asyncio.to_thread(service.jobs.cancel, job.id):
        await asyncio.to_thread(service.jobs.delete, job.id)
    return Response(status_code=NO_CONTENT)


async def _accepted(request: Request, service: Service, taken: Taken, key: str | None) -> Response:
    job = await asyncio.to_thread(accept_job, service, request.state.caller, taken, key)
    note_job(request, job)
    location = {"Location": f"/v1/jobs/{job.id}"}
    return JSONResponse(job_document(job), status_code=ACCEPTED, headers=location)
