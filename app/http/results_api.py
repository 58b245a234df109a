"""What a job gives: its events while it runs, then its transcript, and pieces of its sound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from app.errors import OK, bad_request, not_ready, of_failure
from app.http.bodies import begun, download_headers
from app.http.clips import cut
from app.http.dependencies import ERRORS, JobIn, ServiceIn
from app.http.fields import Fields, field_name
from app.http.form_model import CUE_FIELDS
from app.http.forms import Asked, read_form
from app.http.job_events import JobEvents
from app.http.schemas import CUE_PARAMETERS, TRANSCRIPT_TYPES, content
from app.service import Service
from app.storage.codecs import decode_options, decode_transcript
from app.storage.store import Job
from transcription.render import FORMATS
from transcription.types import Transcript

MAX_CHANNELS = 64  # more than any recording has that is split
NOT_STORED = {"Cache-Control": "no-store"}
RENDERING_FIELDS = {
    *("response_format", "timestamp_granularities", "include", "known_speaker_names"),
    *CUE_FIELDS,
}
EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "Number of the last segment heard, or `end`."},
        "event": {"enum": ["status", "segments", "progress"]},
        "data": {"type": "string", "description": "JSON."},
    },
}
EVENTS = {OK: content(EVENT, "Events.", "text/event-stream"), **ERRORS}
SOUND = {OK: content({"type": "string", "format": "binary"}, "Sound.", "audio/wav"), **ERRORS}
TRANSCRIPT: dict[int | str, dict[str, Any]] = {
    OK: {
        "description": "The transcript.",
        "content": TRANSCRIPT_TYPES,
    },
    **ERRORS,
}

ChannelIn = Annotated[int | None, Query(ge=0, lt=MAX_CHANNELS)]

result_routes = APIRouter(prefix="/v1/jobs/{job_id}")


@result_routes.get("/events", responses=EVENTS)
async def events(request: Request, service: ServiceIn, job: JobIn) -> Response:
    """Progress and final segments as server-sent events; `Last-Event-ID` resumes."""
    return JobEvents(service, job, request.headers.get("last-event-id"))


@result_routes.get("/transcript", responses=TRANSCRIPT, openapi_extra=CUE_PARAMETERS)
async def transcript(
    request: Request,
    service: ServiceIn,
    job: JobIn,
    response_format: str = "json",
) -> Response:
    """The transcript of a completed job in any format of the transcription form."""
    pairs = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if field_name(name) in RENDERING_FIELDS
    ]
    pairs.append(("response_format", response_format))
    pairs.append(("channels", decode_options(job.options).channels))
    asked = read_form(Fields(pairs), service.model.card)
    body = await asyncio.to_thread(_rendered, service, job, asked)
    headers = download_headers(job.file_name, asked.response_format)
    media_type = FORMATS[asked.response_format].media_type
    if isinstance(body, bytes):
        return Response(body, media_type=media_type, headers=headers)
    return StreamingResponse(body, media_type=media_type, headers=headers)


@result_routes.get("/clip", responses=SOUND)
async def clip(
    service: ServiceIn, job: JobIn, start: float, end: float, channel: ChannelIn = None
) -> Response:
    """The sound between two times, as WAV, while it is kept."""
    folder = service.folders.of(job.id)
    sound = await asyncio.to_thread(cut, folder, start, end, channel)
    return Response(sound, media_type="audio/wav", headers=NOT_STORED)


def _rendered(service: Service, job: Job, asked: Asked) -> bytes | Iterator[bytes]:
    """The transcript, whole or in blocks."""
    if job.failure is not None:
        raise of_failure(job.failure)
    stored = service.store.find_transcript(job.id)
    if stored is None:
        raise not_ready(f"The job is {job.status}; its transcript is not there yet.")
    whole = decode_transcript(stored)
    if FORMATS[asked.response_format].has_speakers:
        _check_has_channels(whole, asked.response_format)
    return begun(whole, asked)


def _check_has_channels(whole: Transcript, response_format: str) -> None:
    if any(segment.channel is None for segment in whole.segments):
        message = f"{response_format} needs a recording with more than one channel."
        raise bad_request(message, param="response_format", code="unsupported_option")
