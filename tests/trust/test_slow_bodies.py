"""Clients that send a byte now and then: they keep nobody out, and not for ever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

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
