"""The page, its files, and what machines ask for: health, readiness, figures, limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from app.errors import OK, model_loading, not_found, unavailable
from app.http.dependencies import ERRORS, ServiceIn
from app.http.schemas import content
from app.jobs.obstacles import NO_MODEL

STATIC = Path(__file__).parent.parent / "static"
FIGURES = {OK: content({"type": "string"}, "Figures.", "text/plain"), **ERRORS}

# Settings that a client can run into; the others are how the service works.
LIMITS = (
    *("max_upload_bytes", "max_audio_seconds", "max_field_bytes", "max_fields"),
    *("head_seconds", "upload_idle_seconds", "upload_bytes_per_second"),
    *("uploads_per_key", "waiting_uploads_per_key", "upload_wait_seconds", "upload_turn_seconds"),
    *("watchers_per_key", "queued_jobs", "queued_jobs_per_key", "running_jobs", "running_requests"),
    *("disconnect_grace_seconds", "request_grace_seconds", "audio_days", "result_days"),
    *("files_per_key", "max_batch_bytes", "webhooks", "webhook_attempts"),
)

site_routes = APIRouter()


@site_routes.get("/", include_in_schema=False)
async def page() -> Response:
    """The page."""
    index = STATIC / "index.html"
    if not index.is_file():
        raise not_found("This installation has no page; the API is under /v1.")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})


@site_routes.get("/health", responses=ERRORS)
async def health() -> dict[str, str]:
    """The process lives. Asks nobody."""
    return {"status": "ok"}


@site_routes.get("/ready", responses=ERRORS)
async def ready(service: ServiceIn) -> dict[str, str]:
    """The model was loaded, there is an engine, and disk and database take writes.

    A model that was unloaded because nobody used it does not count as missing.
    """
    model = service.model
    if not service.is_open:
        raise unavailable("The service is not ready.", "not_ready")
    if model.trouble is not None:
        again = f"; tried again in {model.retry_in:.0f} s" if model.retry_in else ""
        message = f"The model {model.name!r} {model.trouble}{again}. The log says why."
        raise unavailable(message, NO_MODEL.code)
    obstacle = service.obstacle() or await asyncio.to_thread(service.jobs.obstacle_of_storage)
    if obstacle is not None:
        raise unavailable(obstacle.message, obstacle.code)
    if model.card is None:
        raise model_loading(model.name, model.progress)
    return {"status": "ready", "model": model.card.name, "device": model.card.device}


@site_routes.get("/metrics", responses=FIGURES)
async def metrics(service: ServiceIn) -> Response:
    """Figures in Prometheus' text format."""
    body = await asyncio.to_thread(service.metrics.page)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


@site_routes.get("/v1/limits", responses=ERRORS)
async def limits(service: ServiceIn) -> dict[str, Any]:
    """What this service takes."""
    return {name: getattr(service.settings, name) for name in LIMITS}


def mount_files(app: FastAPI) -> None:
    """The page's own files under /static."""
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")
