"""Answers that wait for a job: whole ones with signs of life, and streams.

A JSON answer may begin long before its content is known: white space before an object means
nothing, and keeps clients and proxies from giving up. From then on the status is spoken, so a
failure can only end the connection; the client tries again and is told why from what is stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import OK, ApiError, of_failure, unavailable
from app.http.bodies import GrowingText, begun, done_event, logprobs_of, speaker_events
from app.http.forms import Asked
from app.http.middleware import answer
from app.jobs.notifications import Subscription
from app.service import Service
from app.storage.codecs import decode_segment, decode_transcript
from app.storage.store import Job
from chunking.types import Segment
from transcription.render import FORMATS
from transcription.types import Transcript

NO_STORE = (b"cache-control", b"no-store")
UNBUFFERED = (b"x-accel-buffering", b"no")  # to nginx: pass on at once what comes bit by bit
DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"
SHORTEST_SILENCE = 0.1
LONGEST_UNCHECKED = 45.0  # proxies commonly give up at 60
CUT = "longform.cut"  # the ASGI extension of our server that ends a connection
CUT_SECONDS = 5.0  # until the server has told us that it did

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long an answer may stay silent: at first, later, and while the file is being checked.

    Once it has begun, an answer can no longer have the status of a bad file.
    """

    first: float
    later: float
    unchecked: float


def pace_of(headers: Headers, service: Service) -> Pace:
    """A third of the read timeout that OpenAI's clients name; else what the settings say."""
    settings = service.settings
    try:
        timeout = float(headers.get("x-stainless-read-timeout", ""))
    except ValueError:
        timeout = 0.0
    if not 0.0 < timeout < float("inf"):
        first, later = settings.first_byte_seconds, settings.keepalive_seconds
        return Pace(first, later, settings.validation_seconds)
    third = max(timeout / 3, SHORTEST_SILENCE)
    silence = min(third, settings.keepalive_seconds)
    return Pace(silence, silence, min(third, LONGEST_UNCHECKED))


class _Client:
    """The other end of the connection."""

    is_gone = False


class WaitingAnswer(Response):
    """Waits for the job and answers with its transcript, in the format that was asked for."""

    def __init__(self, service: Service, job: Job, asked: Asked, pace: Pace) -> None:
        self.background = None
        self._service = service
        self._job = job
        self._asked = asked
        self._pace = pace
        self._has_begun = False
        self._send: Send = _nowhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._send = send
        with self._service.waiting(self._job.id):
            async with _subscribed(self._service, self._job.id, receive) as (subscription, client):
                job = await self._wait(subscription, client)
                if client.is_gone:
                    return
                try:
                    await self._finish(job)
                except ApiError as error:
                    if self._has_begun:  # too late for a status
                        log.warning("answer cut off: %s", error.code, extra=_fields(self._job))
                        await _cut(scope, subscription, client)
                        return
                    await answer(error, send)
        await asyncio.to_thread(_delivered, self._service, self._job.id)

    async def _wait(self, subscription: Subscription, client: _Client) -> Job:
        raise NotImplementedError

    async def _finish(self, job: Job) -> None:
        raise NotImplementedError

    async def _look(self) -> Job:
        job = await asyncio.to_thread(self._service.store.find, self._job.id)
        if job is None:
            raise unavailable("The request was removed while it waited.")
        return job

    def _is_over(self, job: Job, client: _Client) -> bool:
        return job.is_finished or client.is_gone or self._service.jobs.notifications.is_closing

    async def _transcript(self, job: Job) -> Transcript:
        """The result of a finished job. Raises `ApiError` for one that has none."""
        if not job.is_finished:
            raise unavailable("The service is restarting; the work goes on.", "restarting")
        if job.failure is not None:
            raise of_failure(job.failure)
        stored = await asyncio.to_thread(self._service.store.find_transcript, job.id)
        if stored is None:
            raise unavailable("The request was removed while it waited.")
        return await asyncio.to_thread(decode_transcript, stored)

    async def _begin(self, media_type: str, length: int | None = None) -> None:
        if self._has_begun:
            return
        headers = [(b"content-type", media_type.encode()), NO_STORE]
        if length is None:
            headers.append(UNBUFFERED)
        else:
            headers.append((b"content-length", str(length).encode()))
        self._has_begun = True
        await self._send({"type": "http.response.start", "status": OK, "headers": headers})

    async def _write(self, body: bytes, *, is_last: bool = False) -> None:
        message = {"type": "http.response.body", "body": body, "more_body": not is_last}
        await self._send(message)


class WholeAnswer(WaitingAnswer):
    """One body at the end; JSON is preceded by line breaks while it is long in coming."""

    async def _wait(self, subscription: Subscription, client: _Client) -> Job:
        can_pad = FORMATS[self._asked.response_format].is_json
        began = time.monotonic()
        due = began + self._pace.first
        job = await self._look()
        while not self._is_over(job, client):
            await subscription.notified(max(due - time.monotonic(), 0.0))
            job = await self._look()
            now = time.monotonic()
            if self._is_over(job, client) or now < due:
                continue
            is_checked = job.windows is not None or now - began >= self._pace.unchecked
            if can_pad and (self._has_begun or is_checked):
                await self._begin(FORMATS[self._asked.response_format].media_type)
                await self._write(b"\n")
                due = now + self._pace.later
            else:
                due = now + min(self._pace.first, self._pace.unchecked)
        return job

    async def _finish(self, job: Job) -> None:
        transcript = await self._transcript(job)
        body = await asyncio.to_thread(begun, transcript, self._asked)
        media_type = FORMATS[self._asked.response_format].media_type
        if isinstance(body, bytes):
            await self._begin(media_type, len(body))
            await self._write(body, is_last=True)
            return
        await self._begin(media_type)
        while (block := await asyncio.to_thread(next, body, None)) is not None:
            await self._write(block)
        await self._write(b"", is_last=True)


class StreamedAnswer(WaitingAnswer):
    """OpenAI's events: deltas as segments become final, then the whole text. No other types."""

    def __init__(self, service: Service, job: Job, asked: Asked, pace: Pace) -> None:
        super().__init__(service, job, asked, pace)
        self._sent_segments = 0
        self._sent = GrowingText()

    async def _wait(self, subscription: Subscription, client: _Client) -> Job:
        job = await self._look()
        while not self._is_over(job, client):
            if not await subscription.notified(
                self._pace.first if not self._has_begun else self._pace.later
            ):
                await self._begin("text/event-stream; charset=utf-8")
                await self._write(PING)
            job = await self._look()
            await self._send_new_segments()
        return job

    async def _finish(self, job: Job) -> None:
        try:
            transcript = await self._transcript(job)
        except ApiError as error:
            if not self._has_begun:
                raise
            await self._write(_event({"type": "error", **error.body()}), is_last=True)
            return
        await self._begin("text/event-stream; charset=utf-8")
        if self._asked.response_format != "diarized_json":
            await self._send_new_segments()
        events = self._last_events(transcript)
        while event := await asyncio.to_thread(next, events, None):
            await self._write(event)
        await self._write(DONE, is_last=True)

    def _last_events(self, transcript: Transcript) -> Iterator[bytes]:
        """What is left to say when the job has ended; much of it where the recording is long."""
        if self._asked.response_format == "diarized_json":
            yield from map(_event, speaker_events(transcript, self._asked))
        else:
            text, sent = transcript.text, self._sent.text
            if text != sent and text.startswith(sent):
                delta = text.removeprefix(sent)
                yield _event({"type": "transcript.text.delta", "delta": delta})
        yield _event(done_event(transcript, self._asked))

    async def _send_new_segments(self) -> None:
        """Segments that became final since the last look. Split channels come at the end."""
        if self._asked.options.tells_apart:
            return
        store = self._service.store
        while found := await asyncio.to_thread(
            store.segments_after, self._job.id, self._sent_segments
        ):
            for number, encoded in found:
                self._sent_segments = number
                await self._send_delta(decode_segment(encoded))

    async def _send_delta(self, segment: Segment) -> None:
        delta = self._sent.add(segment.text)
        if not delta:
            return
        event: dict[str, Any] = {"type": "transcript.text.delta", "delta": delta}
        if self._asked.wants_logprobs:
            event["logprobs"] = list(logprobs_of(segment.words))
        event |= {"start": round(segment.start, 3), "end": round(segment.end, 3)}
        await self._begin("text/event-stream; charset=utf-8")
        await self._write(_event(event))


@asynccontextmanager
async def _subscribed(
    service: Service, job_id: str, receive: Receive
) -> AsyncIterator[tuple[Subscription, _Client]]:
    """A subscription to the job that is notified too when the client goes."""
    client = _Client()
    with service.jobs.notifications.subscribed(job_id) as subscription:
        watcher = asyncio.create_task(_watch_for_disconnect(receive, client, subscription))
        try:
            yield subscription, client
        finally:
            watcher.cancel()


async def _watch_for_disconnect(
    receive: Receive, client: _Client, subscription: Subscription
) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.is_gone = True
    subscription.notify()


async def _cut(scope: Scope, subscription: Subscription, client: _Client) -> None:
    """End the connection, and wait for that; a server that cannot sees an unfinished answer."""
    extension = scope.get("extensions", {}).get(CUT)
    if extension is None:
        return
    extension["now"]()
    give_up = time.monotonic() + CUT_SECONDS
    while not client.is_gone and await subscription.notified(max(give_up - time.monotonic(), 0.0)):
        pass


def _fields(job: Job) -> dict[str, Any]:
    return {"fields": {"job": job.id}}


async def _nowhere(_message: object) -> None:
    raise AssertionError("nothing is sent before the answer is called")


def _delivered(service: Service, job_id: str) -> None:
    """The answer is out: its sound and text go after a short grace."""
    service.store.set_expiry(job_id, time.time() + service.settings.request_grace_seconds)


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content, ensure_ascii=False, allow_nan=False)}\n\n".encode()
