"""What every request passes before a route sees it: pure ASGI, and before the body is read.

In this order: request id, host name, preflights of browsers, API key, origin of browser writes,
size and pace of the body.
On the way out: security headers, and one log line without content.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    NO_CONTENT,
    UNFINISHED,
    ApiError,
    bad_request,
    stalled,
    too_large,
    unauthorised,
    unsupported_type,
)
from app.http.api_keys import ANONYMOUS, ApiKeys
from app.http.origins import Origins, is_preflight
from app.settings import Settings

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OPEN_PATHS = {"/", "/health", "/ready", "/favicon.ico"}
OPEN_PREFIX = "/static/"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
UNREAD = "longform.unread"  # our server's ASGI extension: whether the request is still arriving
FORM_OVERHEAD_BYTES = 8 << 20  # text fields and part headers beside the file
BUFFERED_BYTES = 32 << 10  # that systems and server take at least of a body that nobody asks for
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")

log = logging.getLogger("app.access")
Responded = Callable[[str, int, float], None]


@dataclass(eq=False)
class RequestGuard:
    """ASGI middleware. `responded` is told path, status and seconds of every answer.

    `stopping` tells answers that wait or stream to end soon; a server calls it before it stops.
    """

    app: ASGIApp
    settings: Settings
    keys: ApiKeys
    responded: Responded
    stopping: Callable[[], None] = lambda: None
    origins: Origins = field(init=False)

    def __post_init__(self) -> None:
        self.origins = Origins(self.settings.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exit_ = _Exit(scope, send, _request_id(headers), self.responded)
        exit_.headers = SECURITY_HEADERS | self.origins.of_answer(headers)
        try:
            self._check_host(headers)
            if is_preflight(scope["method"], headers):  # browsers send no key with it
                await _answer_preflight(self.origins.of_preflight(headers), exit_.send)
                return
            caller = self._admit(scope, headers)
            state = scope.setdefault("state", {})
            state["caller"] = exit_.caller = caller
            state["request_id"] = exit_.request_id
            body = _Body(receive, self.settings)
            await self.app(scope, body.receive, exit_.send)
        except ApiError as error:
            await answer(error, exit_.send)
        finally:
            exit_.close()

    def _admit(self, scope: Scope, headers: Headers) -> str:
        """The caller's name. Raises `ApiError` for a request that goes no further."""
        caller = self._caller(scope["path"], headers)
        if scope["method"] not in SAFE_METHODS:
            self.origins.check_write(headers)
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise unsupported_type("Send the body as it is, without Content-Encoding.")
        limit = self.settings.max_upload_bytes
        if declared_bytes(headers) > limit + FORM_OVERHEAD_BYTES:
            raise too_large(limit)
        return caller

    def _check_host(self, headers: Headers) -> None:
        allowed = self.settings.host_names
        given = headers.getlist("host")
        if len(given) > 1:
            raise bad_request("A request names one host.", code="wrong_host")
        name = re.sub(r":\d+$", "", "".join(given).lower())
        if allowed is not None and name not in allowed:
            raise bad_request("This service does not answer to that host name.", code="wrong_host")

    def _caller(self, path: str, headers: Headers) -> str:
        is_open = path in OPEN_PATHS or path.startswith(OPEN_PREFIX)
        if not self.keys.are_required or is_open:
            return ANONYMOUS
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise unauthorised("Send your API key as `Authorization: Bearer KEY`.")
        caller = self.keys.caller_of(key.strip())
        if caller is None:
            raise unauthorised("Incorrect API key provided.")
        return caller


def declared_bytes(headers: Headers) -> int:
    """What Content-Length promises; 0 without one."""
    declared = headers.get("content-length", "0")
    return int(declared) if re.fullmatch("[0-9]{1,18}", declared) else 0


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


@dataclass(eq=False)
class _Body:
    """Counts what arrives and does not wait for ever for the next part of it, or for all."""

    receive_raw: Receive
    settings: Settings
    bytes_seen: int = 0
    # For the client. What the service needs for itself, or for others, is not the client's fault:
    # of that counts only what the buffers on the way take meanwhile from one that is fast enough.
    seconds_waited: float = 0.0
    is_complete: bool = False
    came_last: float | None = None

    async def receive(self) -> Message:
        if self.is_complete:
            return await self.receive_raw()  # only a disconnect can follow, whenever it comes
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.settings.upload_idle_seconds):
                message = await self.receive_raw()
        except TimeoutError:
            raise stalled("The upload stopped arriving.") from None
        elsewhere = 0.0 if self.came_last is None else began - self.came_last
        self.came_last = time.monotonic()
        self.seconds_waited += self.came_last - began + min(elsewhere, self._buffered_seconds())
        self.bytes_seen += len(message.get("body", b""))
        self.is_complete = not message.get("more_body", False)
        if self.bytes_seen > self.settings.max_upload_bytes + FORM_OVERHEAD_BYTES:
            raise too_large(self.settings.max_upload_bytes)
        if not self.is_complete and self._is_too_slow():
            raise stalled("The upload arrives too slowly.")
        return message

    def _buffered_seconds(self) -> float:
        return BUFFERED_BYTES / max(self.settings.upload_bytes_per_second, 1)

    def _is_too_slow(self) -> bool:
        seconds, least = self.seconds_waited, self.settings.upload_bytes_per_second
        return seconds > self.settings.upload_idle_seconds and self.bytes_seen < least * seconds


class _Exit:
    """Adds headers to the answer and logs it."""

    def __init__(self, scope: Scope, send: Send, request_id: str, responded: Responded) -> None:
        self.request_id = request_id
        self.caller = ""
        self.headers = SECURITY_HEADERS
        self._scope = scope
        self._send = send
        self._responded = responded
        self._began = time.monotonic()
        self._status = 0
        self._is_reported = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            headers["x-request-id"] = self.request_id
            if self._is_unread():
                headers["connection"] = "close"
            for name, value in self.headers.items():
                headers.setdefault(name, value)
        await self._send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._report(self._status)

    def _is_unread(self) -> bool:
        """Whether the answer comes before the end of the request."""
        extension = self._scope.get("extensions", {}).get(UNREAD)
        return extension is not None and extension["asked"]()

    def close(self) -> None:
        """The request is over, whether its answer was finished or not."""
        if not self._is_reported:
            self._report(UNFINISHED)

    def _report(self, status: int) -> None:
        self._is_reported = True
        seconds = time.monotonic() - self._began
        route = self._scope.get("route")
        path = getattr(route, "path", "") or "unknown"
        self._responded(path, status, seconds)
        fields = {
            "request_id": self.request_id,
            "caller": self.caller,
            "method": self._scope["method"],
            "route": path,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        if job := self._scope.get("state", {}).get("job"):
            fields["job"] = job
        log.info("answered", extra={"fields": fields})


async def _answer_preflight(granted: Mapping[str, str], send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in granted.items()]
    await send({"type": "http.response.start", "status": NO_CONTENT, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def answer(error: ApiError, send: Send) -> None:
    """Send an error outside of any route."""
    body = error.encoded()
    given = {"content-type": "application/json", "content-length": str(len(body)), **error.headers}
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
