"""The HTTP server around the application: uvicorn with a deadline for request heads.

uvicorn itself waits for ever for a client that opens a connection and never ends its headers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.http.middleware import RequestGuard
from app.http.responses import CUT
from app.settings import Settings

MAX_HEAD_BYTES = 64 << 10


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes connections whose head is late or endless.

    What arrives after an early answer (a refused upload) is thrown away until the same deadline.
    An application may cut the connection by the extension `CUT`, instead of leaving its answer
    unfinished, which uvicorn would report as a mistake.
    """

    head_seconds: float
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self._is_between_requests():
            self._expect_head()
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.close()
            return
        if self._deadline is not None and not self._is_discarding():
            self._head_bytes += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"now": self.transport.abort}}

    def on_headers_complete(self) -> None:
        self._head_came()
        super().on_headers_complete()

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _is_discarding(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and cycle.response_complete and cycle.more_body

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _head_came(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def protocol_with_deadline(seconds: float) -> type[asyncio.Protocol]:
    """The protocol with its deadline: uvicorn makes instances of a class."""
    return type("Protocol", (DeadlineProtocol,), {"head_seconds": seconds})


class Server(uvicorn.Server):
    """uvicorn, which tells open answers to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

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
        timeout_graceful_shutdown=max(1, round(settings.shutdown_seconds)),
    )
    return Server(config, app.stopping)
