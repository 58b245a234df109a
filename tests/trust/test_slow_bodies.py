"""Clients that send a byte now and then: they keep nobody out, and not for ever."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import ApiError
from app.http import middleware
from app.settings import Settings
from tests.app.calls import until
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, wav

HEAD = b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"


@contextmanager
def dripping(running: Running) -> Iterator[socket.socket]:
    """A client that sends a byte every twentieth of a second until it is answered."""
    host, port = running.url.removeprefix("http://").split(":")
    over = threading.Event()

    def drip() -> None:
        try:
            while not over.wait(0.05):
                connection.sendall(b"\0")
        except OSError:
            pass  # closed: that is the end of it

    with socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS) as connection:
        connection.sendall(HEAD)
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield connection
        finally:
            over.set()
            thread.join()


@pytest.mark.row("F8")
def test_slow_uploads_keep_nobody_out(start: Start):
    running = start(
        uploads_per_key=2, upload_turn_seconds=0.2, upload_idle_seconds=10 * GIVE_UP_SECONDS
    )
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(dripping(running))
        until(lambda: running.service.uploads.in_use == 2, "all places are taken")
        with running.client() as client:
            for _ in range(3):
                assert client.put("/v1/jobs", content=wav(1)).status_code == 202


def test_a_body_that_is_far_too_slow_is_ended(start: Start):
    running = start(upload_idle_seconds=0.5)
    with dripping(running) as connection:
        answer = b""
        while b"upload_stalled" not in answer:
            part = connection.recv(65536)
            assert part, answer
            answer += part
    assert answer.startswith(b"HTTP/1.1 400")
    until(lambda: running.service.folders.names() == [], "nothing is left behind")


def test_a_body_may_be_as_slow_as_the_settings_say(start: Start):
    running = start(upload_idle_seconds=0.2, upload_bytes_per_second=0)

    def slowly() -> Iterator[bytes]:
        sound = wav(1)
        for part in range(10):
            threading.Event().wait(0.05)
            yield sound[part * 10 : part * 10 + 10]
        yield sound[100:]

    with running.client() as client:
        assert client.put("/v1/jobs", content=slowly()).status_code == 202


class Client:
    """Sends `rate` bytes a second into a buffer, which is read as one message after another."""

    def __init__(self, rate: float, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.sent_until = 0.0
        self._rate = rate
        self._body = middleware._Body(self._receive, settings)
        monkeypatch.setattr(middleware, "time", SimpleNamespace(monotonic=lambda: self.now))

    async def _receive(self) -> dict[str, Any]:
        self.now += 0.5
        size = min(round(self._rate * (self.now - self.sent_until)), 64 << 10)
        self.sent_until = self.now
        return {"type": "http.request", "body": bytes(size), "more_body": True}

    def turns_until_ended(self, in_turn: float, in_line: float) -> int | None:
        """Of so many seconds, with so many between them; None if it may go on."""
        for turn in range(20):
            end = self.now + in_turn
            while self.now < end:
                try:
                    asyncio.run(self._body.receive())
                except ApiError:
                    return turn
            self.now += in_line
        return None


@pytest.mark.parametrize(
    ("rate", "in_line", "ended"),
    [
        (0.5, 0.0, 6),  # 30 s of 5 s each
        (0.5, 60.0, 1),  # a minute in line, and next to nothing has come meanwhile
        (0.5, 10.0, 2),
        (1100.0, 0.0, None),
        (1100.0, 10.0, None),
        (1100.0, 60.0, None),
        (1100.0, 600.0, None),  # the buffers were full long before
        (900.0, 0.0, 6),
        (10_000.0, 600.0, None),
    ],
)
def test_time_in_line_counts_as_far_as_a_client_can_use_it(
    monkeypatch: pytest.MonkeyPatch, rate: float, in_line: float, ended: int | None
):
    client = Client(rate, Settings(), monkeypatch)
    assert client.turns_until_ended(5.0, in_line) == ended
