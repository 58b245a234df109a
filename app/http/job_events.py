"""A job's events, for as many watchers as come: each reads the store when it is notified.

Segments carry ids, 1, 2, 3 …: a watcher that names the last one it got misses none and gets none
twice, also after the service was restarted. Status and progress are what they are now.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import NO_CONTENT, OK
from app.http.bodies import event_segment
from app.http.job_documents import job_document, progress_document
from app.jobs.notifications import Subscription
from app.service import Service
from app.storage.codecs import decode_segment
from app.storage.store import Job

END = "end"  # the id of the last event; who has got it need not come again
_IS_NUMBER = re.compile("[0-9]{1,9}").fullmatch
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class JobEvents(Response):
    """`status`, `segments` and `progress` until the job has ended."""

    def __init__(self, service: Service, job: Job, last_event_id: str | None) -> None:
        self.background = None
        self._service = service
        self._job = job
        self._is_past_end = last_event_id == END
        number = _IS_NUMBER(last_event_id or "")
        self._last_sent = int(number[0]) if number else 0
        self._status = ""
        self._progress: dict[str, Any] = {}

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_past_end:
            await send({"type": "http.response.start", "status": NO_CONTENT, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        with self._service.watchers.taken(self._job.owner):
            await self._watch(receive, send)

    async def _watch(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": OK, "headers": HEADERS})
        with self._service.jobs.notifications.subscribed(self._job.id) as subscription:
            watcher = asyncio.create_task(_notify_when_gone(receive, subscription))
            try:
                await self._tell(send, subscription, watcher)
            finally:
                watcher.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(
        self, send: Send, subscription: Subscription, watcher: asyncio.Task[None]
    ) -> None:
        await _write(send, b"retry: 1000\n\n")
        while not watcher.done() and not self._service.jobs.notifications.is_closing:
            job = await asyncio.to_thread(self._service.store.find, self._job.id)
            if job is None:  # deleted while it was watched
                return
            await self._tell_news(send, job)
            if job.is_finished:
                return
            if not await subscription.notified(self._service.settings.heartbeat_seconds):
                await _write(send, b": ping\n\n")

    async def _tell_news(self, send: Send, job: Job) -> None:
        """Segments come before the status that ends the stream."""
        if job.status != self._status and not job.is_finished:
            await _write(send, _event("status", job_document(job)))
        self._status = job.status
        while event := await asyncio.to_thread(self._next_segments):
            await _write(send, event)
        progress = progress_document(job)
        if progress != self._progress:
            self._progress = progress
            await _write(send, _event("progress", progress))
        if job.is_finished:
            await _write(send, _event("status", job_document(job), END))

    def _next_segments(self) -> bytes | None:
        """The event of the segments that were not sent yet; hundreds for who comes late."""
        found = self._service.store.segments_after(self._job.id, self._last_sent)
        if not found:
            return None
        self._last_sent = found[-1][0]
        segments = [event_segment(decode_segment(encoded)) for _, encoded in found]
        return _event("segments", {"segments": segments}, str(self._last_sent))


async def _notify_when_gone(receive: Receive, subscription: Subscription) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscription.notify()


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _event(kind: str, content: dict[str, Any], event_id: str | None = None) -> bytes:
    line = f"id: {event_id}\n" if event_id else ""
    data = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return f"{line}event: {kind}\ndata: {data}\n\n".encode()
