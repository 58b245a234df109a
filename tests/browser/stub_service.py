"""A small service that answers the page as the real one does, over real HTTP, at a chosen pace.

It decodes nothing: every upload "says" the same planted segments. It sends the real headers, so
that the page lives under the real Content Security Policy.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.browser.planted import Planted, wav

STATIC = Path(__file__).parents[2] / "app" / "static"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
WINDOWS_PER_SEGMENT = 2
TERMINAL = {"completed", "failed", "cancelled"}


@dataclass
class StubJob:
    """A job, its event log, and the bell that rings when the log grows."""

    document: dict[str, Any]
    planted: Planted
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, kind: str, content: dict[str, Any]) -> None:
        self.events.append((kind, content))
        self.bell.set()
        self.bell = asyncio.Event()


class StubService:
    """`pace`: seconds per segment; `hold_after`: stop decoding behind so many until `release`."""

    def __init__(
        self,
        planted: Planted,
        *,
        key: str | None = None,
        model: str = "turbo",
        pace: float = 0.0,
        keeps_sound: bool = True,
    ) -> None:
        self.planted = planted
        self.key = key
        self.model = model
        self.pace = pace
        self.keeps_sound = keeps_sound
        self.hold_after: int | None = None
        self.fail_with: dict[str, Any] | None = None
        self.is_full = False
        self.retry_after = 600
        self.refuses_with: str | None = None
        self.breaks_streams_after: int | None = None
        self.resumed_after: list[int] = []
        self.released = threading.Event()
        self.jobs: dict[str, StubJob] = {}
        self.uploads: list[dict[str, str]] = []
        self.clips: list[tuple[float, float]] = []
        self.renderings: list[dict[str, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(), port=0, log_level="error", ws="none", timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> StubService:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.should_exit = True
        self._thread.join(timeout=60)

    @property
    def url(self) -> str:
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/"

    # Routes

    def _app(self) -> Starlette:
        guarded: list[tuple[str, Callable[[Request], Awaitable[Response]], str]] = [
            ("/v1/models", self._models, "GET"),
            ("/v1/limits", self._limits, "GET"),
            ("/v1/jobs", self._list, "GET"),
            ("/v1/jobs", self._create, "POST"),
            ("/v1/jobs/{id}", self._show, "GET"),
            ("/v1/jobs/{id}", self._delete, "DELETE"),
            ("/v1/jobs/{id}/events", self._events, "GET"),
            ("/v1/jobs/{id}/transcript", self._transcript, "GET"),
            ("/v1/jobs/{id}/clip", self._clip, "GET"),
        ]
        routes = [Route(path, self._guard(call), methods=[verb]) for path, call, verb in guarded]
        return Starlette(
            routes=[
                Route("/", self._page),
                *routes,
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
        )

    def _guard(
        self, call: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return _error(401, "Incorrect API key provided.", "invalid_api_key")
            job_id = request.path_params.get("id")
            if job_id is not None and job_id not in self.jobs:
                return _error(404, "No such job.", "not_found")
            return await call(request)

        return guarded

    async def _page(self, _: Request) -> Response:
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return FileResponse(STATIC / "index.html", headers=headers)

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    async def _limits(self, _: Request) -> Response:
        return JSONResponse({"max_upload_bytes": 2 << 30})

    async def _list(self, request: Request) -> Response:
        limit = int(request.query_params.get("limit", "20"))
        newest_first = [job.document for job in reversed(self.jobs.values())]
        after = request.query_params.get("after")
        ids = [document["id"] for document in newest_first]
        start = ids.index(after) + 1 if after in ids else 0
        page = newest_first[start : start + limit]
        return JSONResponse(
            {"object": "list", "data": page, "has_more": start + limit < len(newest_first)}
        )

    async def _create(self, request: Request) -> Response:
        if self.is_full:
            full = _error(429, "The queue is full.", "too_many_requests")
            full.headers["Retry-After"] = str(self.retry_after)
            return full
        if self.refuses_with is not None:
            return _error(415, self.refuses_with, "unsupported_media_type")
        async with request.form() as form:
            upload = form["file"]
            assert not isinstance(upload, str)
            filename = upload.filename
            fields = {name: str(value) for name, value in form.multi_items() if name != "file"}
        self.uploads.append({**fields, "idempotency-key": request.headers["idempotency-key"]})
        return JSONResponse(self.add(filename or "", is_done=False).document, status_code=202)

    def add(self, filename: str, *, is_done: bool = True) -> StubJob:
        """A job that is there already, or (in the service's own thread) one that starts now."""
        number = len(self.jobs) + 1
        job = StubJob(
            {
                "id": f"job_{number}",
                "object": "job",
                "status": "completed" if is_done else "queued",
                "filename": filename,
                "created_at": int(time.time()) - (3600 if is_done else 0),
                "has_audio": is_done,
                "progress": self._progress(len(self.planted.segments) if is_done else 0),
                "error": None,
            },
            self.planted,
        )
        self.jobs[job.document["id"]] = job
        if not is_done:
            task = asyncio.get_running_loop().create_task(self._decode(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return job

    def _progress(self, segments_done: int) -> dict[str, Any]:
        segments = self.planted.segments
        return {
            "windows_done": segments_done * WINDOWS_PER_SEGMENT,
            "windows_planned": len(segments) * WINDOWS_PER_SEGMENT,
            "seconds_done": segments[segments_done - 1]["end"] if segments_done else 0.0,
            "seconds_total": self.planted.duration,
            "eta_seconds": round((len(segments) - segments_done) * max(self.pace, 0.1), 1),
        }

    async def _decode(self, job: StubJob) -> None:
        await asyncio.sleep(self.pace)
        if self.fail_with is not None:
            return self._end(job, "failed", self.fail_with)
        job.document["status"] = "running"
        job.tell("status", dict(job.document))
        for count, segment in enumerate(self.planted.segments, start=1):
            while self.hold_after is not None and count > self.hold_after:
                await asyncio.sleep(0.02)
                if self.released.is_set() or job.document["status"] in TERMINAL:
                    break
            if job.document["status"] in TERMINAL:
                return None
            job.document["progress"] = self._progress(count)
            job.tell("segments", {"segments": [segment]})
            job.tell("progress", job.document["progress"])
            await asyncio.sleep(self.pace)
        return self._end(job, "completed", None)

    def _end(self, job: StubJob, status: str, error: dict[str, Any] | None) -> None:
        job.document.update(status=status, error=error, has_audio=status == "completed")
        job.tell("status", dict(job.document))

    async def _show(self, request: Request) -> Response:
        return JSONResponse(self.jobs[request.path_params["id"]].document)

    async def _delete(self, request: Request) -> Response:
        job = self.jobs[request.path_params["id"]]
        if job.document["status"] in TERMINAL:
            del self.jobs[job.document["id"]]
        else:
            self._end(job, "cancelled", None)
        return Response(status_code=204)

    async def _events(self, request: Request) -> Response:
        job = self.jobs[request.path_params["id"]]
        heard = int(request.headers.get("last-event-id", "0"))
        self.resumed_after.append(heard)

        async def stream() -> AsyncIterator[str]:
            told = 0
            fresh = 0
            yield ": hello\n\n"
            while True:
                bell = job.bell
                for kind, content in job.events[told:]:
                    told += 1
                    number = sum(kind == "segments" for kind, _ in job.events[:told])
                    if number < heard or (kind == "segments" and number == heard):
                        continue
                    event_id = f"id: {number}\n" if kind == "segments" else ""
                    yield f"{event_id}event: {kind}\ndata: {json.dumps(content)}\n\n"
                    if kind == "status" and content["status"] in TERMINAL:
                        return
                    fresh += kind == "segments"
                    if self.breaks_streams_after == fresh:
                        return
                await bell.wait()

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def _transcript(self, request: Request) -> Response:
        planted = self.jobs[request.path_params["id"]].planted
        wanted = request.query_params["response_format"]
        self.renderings.append(dict(request.query_params))
        if wanted == "verbose_json":
            return JSONResponse(planted.verbose())
        return Response(planted.render(wanted), media_type="text/plain")

    async def _clip(self, request: Request) -> Response:
        if not self.keeps_sound:
            return _error(404, "The sound is no longer kept.", "sound_gone")
        start, end = (float(request.query_params[name]) for name in ("start", "end"))
        self.clips.append((start, end))
        return Response(wav(end - start), media_type="audio/wav")


def _error(status: int, message: str, code: str) -> JSONResponse:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return JSONResponse({"error": error}, status_code=status)
