"""The application: routes, error answers and the service's life, put together."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.batches.running import finish_batches, sweep_files
from app.engines.pool import EnginePool
from app.errors import ApiError, bad_request, hindered, http_error, internal, unavailable
from app.heap import share_heap
from app.http.api_keys import load_keys
from app.http.batches_api import batch_routes
from app.http.files_api import file_routes
from app.http.jobs_api import job_routes
from app.http.middleware import RequestGuard
from app.http.openai_api import openai_routes
from app.http.results_api import result_routes
from app.http.site import mount_files, site_routes
from app.jobs.obstacles import obstacle_of
from app.jobs.runs import Pipeline
from app.release import release
from app.service import Service
from app.settings import Settings
from app.storage.tables import DATABASE_ERRORS
from transcription.types import Transcript

ROUTES = (openai_routes, file_routes, batch_routes, job_routes, result_routes, site_routes)

log = logging.getLogger(__name__)


def create_app(
    settings: Settings, engines: EnginePool, pipeline: Pipeline | None = None
) -> RequestGuard:
    """The service as an ASGI application. One at a time in a process and in a data folder.

    The engines stay the caller's to close. Raises ValueError for a broken key file, `FolderInUse`,
    `FolderUnusable`, `DatabaseUnusable`.
    """
    share_heap()
    keys = load_keys(settings.api_keys_file)
    service = Service(settings, keys, engines, pipeline or _transcribe)
    service.sweeps.append(partial(sweep_files, service))
    service.tends.append(partial(finish_batches, service))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await service.open()
        try:
            yield
        finally:
            await service.close()

    app = FastAPI(
        title="whisper-longform",
        version=release(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for routes in ROUTES:
        app.include_router(routes)
    mount_files(app)
    app.state.service = service
    _add_error_answers(app)
    stopping = service.jobs.notifications.close
    return RequestGuard(app, settings, service.keys, service.metrics.answered, stopping)


def _transcribe(*given: Any, **more: Any) -> Transcript:
    """The pipeline, which loads torch: not before a model is loaded anyway."""
    from transcription.pipeline import transcribe

    return transcribe(*given, **more)


def _add_error_answers(app: FastAPI) -> None:
    """Every error leaves in OpenAI's shape, the framework's own included."""

    @app.exception_handler(ApiError)
    async def api_error(_request: Request, error: ApiError) -> Response:
        return _response(error)

    @app.exception_handler(HTTPException)
    async def plain_error(_request: Request, error: HTTPException) -> Response:
        return _response(http_error(error.status_code, str(error.detail), error.headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        return _response(bad_request(f"{name}: {first['msg']}.", param=name))

    @app.exception_handler(ClientDisconnect)
    async def gone(_request: Request, _error: ClientDisconnect) -> Response:
        return _response(unavailable("The client went away."))

    async def storage(request: Request, error: Exception) -> Response:
        """What may pass is told as that; the rest is a mistake like any other."""
        obstacle = obstacle_of(error)
        if obstacle is None:
            return await mistake(request, error)
        log.warning("request %s: %s", request.state.request_id, obstacle.code)
        return _response(hindered(obstacle))

    for kind in (*DATABASE_ERRORS, OSError):
        app.add_exception_handler(kind, storage)

    @app.exception_handler(Exception)
    async def mistake(request: Request, error: Exception) -> Response:
        log.error("request %s failed", request.state.request_id, exc_info=error)
        return _response(internal())


def _response(error: ApiError) -> Response:
    headers = dict(error.headers)
    media_type = "application/json"
    return Response(error.encoded(), error.status, headers=headers, media_type=media_type)
