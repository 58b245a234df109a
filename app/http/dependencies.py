"""What every route asks first: which service, whose request, which job."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Request

from app.errors import job_not_found
from app.http.schemas import ERROR, content
from app.service import Service
from app.storage.store import Job

ERRORS: dict[int | str, dict[str, Any]] = {
    code: content(ERROR, meaning)
    for code, meaning in {
        "4XX": "The request cannot be honoured; the body says why.",
        "5XX": "The service cannot do it now.",
    }.items()
}


async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def caller_of(request: Request) -> str:
    """The name behind the API key, as the gate found it."""
    caller: str = request.state.caller
    return caller


ServiceIn = Annotated[Service, Depends(service_of)]
CallerIn = Annotated[str, Depends(caller_of)]


def note_job(request: Request, job: Job) -> None:
    """Name the job in the log line of this request."""
    request.state.job = job.id


async def own_job(request: Request, service: ServiceIn, caller: CallerIn, job_id: str) -> Job:
    """The caller's job. Another key's job is no job."""
    job = await asyncio.to_thread(service.store.find, job_id, caller)
    if job is None or job.kind != "job":
        raise job_not_found(job_id[:100])
    note_job(request, job)
    return job


JobIn = Annotated[Job, Depends(own_job)]
