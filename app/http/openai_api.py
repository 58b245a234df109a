"""OpenAI's audio API: transcriptions, translations, models. Official clients work unmodified."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.errors import OK, model_not_found
from app.http.dependencies import ERRORS, CallerIn, ServiceIn, note_job
from app.http.responses import StreamedAnswer, WholeAnswer, pace_of
from app.http.schemas import TRANSCRIPT_TYPES, form_body
from app.http.submission import accept_request, take_form
from app.service import Service
from decoding.types import Task

REQUIRED = ("file", "model")
DEMO = "demo"
ANSWERS: dict[int | str, dict[str, Any]] = {
    OK: {
        "description": "The transcript, in the format that was asked for.",
        "content": TRANSCRIPT_TYPES | {"text/event-stream": {}},
    },
    **ERRORS,
}
TRANSCRIPTION_FORM = form_body("transcribe", required=REQUIRED)
TRANSLATION_FORM = form_body("translate", required=REQUIRED)

openai_routes = APIRouter(prefix="/v1")


@openai_routes.post("/audio/transcriptions", responses=ANSWERS, openapi_extra=TRANSCRIPTION_FORM)
async def transcriptions(request: Request, service: ServiceIn, caller: CallerIn) -> Response:
    """Text of a recording in its own language."""
    return await _transcribe(request, service, caller, "transcribe")


@openai_routes.post("/audio/translations", responses=ANSWERS, openapi_extra=TRANSLATION_FORM)
async def translations(request: Request, service: ServiceIn, caller: CallerIn) -> Response:
    """Text of a recording in English."""
    return await _transcribe(request, service, caller, "translate")


@openai_routes.get("/models", responses=ERRORS)
async def models(service: ServiceIn) -> dict[str, Any]:
    """The models and the names that they answer to."""
    shown = [one.shown_name for one in service.engines.statuses()]
    names = dict.fromkeys((*shown, *service.names.listed))
    return {"object": "list", "data": [_model_document(service, name) for name in names]}


@openai_routes.get("/models/{name:path}", responses=ERRORS)
async def one_model(service: ServiceIn, name: str) -> dict[str, Any]:
    """One model, by any of its names."""
    if service.model_named(name) is None:
        raise model_not_found(name[:100], service.names)
    return _model_document(service, name)


async def _transcribe(request: Request, service: Service, caller: str, task: Task) -> Response:
    taken = await take_form(service, request, task, "request")
    is_retry = request.headers.get("x-stainless-retry-count", "0") != "0"
    job = await asyncio.to_thread(accept_request, service, caller, taken, is_retry=is_retry)
    note_job(request, job)
    kind = StreamedAnswer if taken.asked.is_stream else WholeAnswer
    return kind(service, job, taken.asked, pace_of(request.headers, service))


def _model_document(service: Service, name: str) -> dict[str, Any]:
    model = service.model_named(name) or service.model
    return {
        "id": name,
        "object": "model",
        "created": int(service.began),
        "owned_by": "whisper-longform",
        **_limits(model.shown_name),
    }


def _limits(model: str) -> dict[str, str]:
    """What callers must know of the demo model before they trust it."""
    if model != DEMO:
        return {}
    from transcription.models import DEMO_LIMITS  # the engine's libraries: loaded with a model

    return {"description": DEMO_LIMITS}
