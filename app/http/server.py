"""The HTTP server around the application: uvicorn, guarded against what strangers send.

uvicorn itself waits for ever for a client that opens a connection and never ends its headers, keeps
every trailer, drops the body of who offers an upgrade, and closes a connection so that an early
answer may be lost. What a request may do is decided in app/http/middleware.py, not here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.errors import MAX_RETRY_AFTER
from app.http.middleware import UNREAD, RequestGuard
from app.http.responses import CUT
from app.settings import Settings

MAX_HEAD_BYTES = 64 << 10
LINGER_SECONDS = 30.0  # in which the rest of a refused body is thrown away
# Who comes back when it was told to finds its connection open.
KEEP_ALIVE_SECONDS = MAX_RETRY_AFTER + 10
log = logging.getLogger("app.start")

OFFER = {b"upgrade", b"http2-settings"}


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes connections whose head is late or endless.

    Trailers count as head, and are passed over. An answer before the end of its request closes the
    connection, slowly: the other end sees that no more comes, and what it still sends is thrown
    away until it has read the answer. Offers of an upgrade (h2c) are declined: the request is read
    as if it had made none. An application may cut the connection by the extension `CUT`, instead
    of leaving its answer unfinished, which uvicorn would report as a mistake.
    """

    head_seconds: float
    _deadline: asyncio.TimerHandle | None = None
    _unclaimed_bytes = 0  # of a head, of trailers, or between chunks
    _is_in_head = True
    _is_lingering = False
    _is_broken = False
    _is_offer = False
    _has_declined = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.transport = _Transport(transport, self._end)  # type: ignore[assignment]  # a stand-in
        self.parser = _Parser(self)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        self._is_lingering = True  # nothing more is written or read
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        if self._deadline is None and self._is_between_requests():
            self._expect_head()
        if self._unclaimed_bytes > MAX_HEAD_BYTES:
            self._close()
            return
        self._unclaimed_bytes += len(data)
        self._has_declined = False
        super().data_received(data)

    def decline_upgrade(self, rest: bytes) -> None:
        """Read the request again without its offer; `rest` came behind its head."""
        if self._has_declined:  # two at once: no client does that
            raise httptools.HttpParserError("pipelined upgrades")
        self._has_declined = True
        self._is_offer = False
        method = self.parser.get_method()
        version = self.parser.get_http_version().encode()
        kept = [b"%b: %b\r\n" % one for one in self.headers if one[0] not in OFFER]
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(kept))
        self.parser = _Parser(self)
        self.parser.feed_data(head + rest)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._extensions: dict[str, Any] = {CUT: {"now": self.transport.abort}}
        self.scope["extensions"] = self._extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._drop_deadline()
        self._is_in_head = False
        self._is_offer = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._is_offer:
            return
        self._heed_target()
        super().on_headers_complete()
        cycle = self.cycle
        self._extensions[UNREAD] = {"asked": lambda: cycle.more_body}

    def on_body(self, body: bytes) -> None:
        self._unclaimed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unclaimed_bytes = 0
        if not self._is_offer:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._is_broken = True
        super().send_400_response(msg)

    def _heed_target(self) -> None:
        """A target with a host (`GET http://…`) is what counts, whatever Host says: RFC 9112."""
        if self.url.startswith((b"/", b"*")):
            return
        target = httptools.parse_url(self.url)
        host = b"[%b]" % target.host if b":" in target.host else target.host
        authority = b"%b:%d" % (host, target.port) if target.port else host
        self.headers[:] = [header for header in self.headers if header[0] != b"host"]
        self.headers.append((b"host", authority))

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _end(self) -> None:
        """Close; after an answer to a request that has not wholly arrived, slowly."""
        cycle: RequestResponseCycle | None = self.cycle
        is_early = cycle is not None and cycle.response_complete and cycle.more_body
        if self._is_lingering or not (is_early or self._is_broken):
            self._close()
            return
        self._is_lingering = True
        self._drop_deadline()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self._close)

    def _close(self) -> None:
        self._is_lingering = True
        self.transport.close_now()  # type: ignore[attr-defined]  # of the stand-in

    def _expect_head(self) -> None:
        self._drop_deadline()
        self._deadline = self.loop.call_later(self.head_seconds, self._close)

    def _drop_deadline(self) -> None:
        self._unclaimed_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _Parser(httptools.HttpRequestParser):
    """httptools' parser, which would end the request at an offer of an upgrade."""

    def __init__(self, protocol: DeadlineProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._protocol.decline_upgrade(data[offer.args[0] :])


class _Transport:
    """A transport whose `close` is somebody's decision."""

    def __init__(self, transport: Any, close: Callable[[], None]) -> None:
        self._transport = transport
        self.write = transport.write
        self.close = close
        self.close_now = transport.close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def protocol_with_deadline(seconds: float) -> type[asyncio.Protocol]:
    """The protocol with its deadline: uvicorn makes instances of a class."""
    return type("Protocol", (DeadlineProtocol,), {"head_seconds": seconds})


class Server(uvicorn.Server):
    """uvicorn, which says where it listens, and tells open answers to end before it waits for
    them."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            log.info("whisper-longform listens on %s", self.address)

    @property
    def address(self) -> str:
        """http:// and where the first socket listens."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def server_of(app: RequestGuard, settings: Settings) -> Server:
    """A server for `app`; `run()` serves until SIGINT or SIGTERM."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol_with_deadline(settings.head_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )
    return Server(config, app.stopping)
