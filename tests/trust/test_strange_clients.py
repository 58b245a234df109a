"""Clients that vanish, dawdle or speak no HTTP: nothing is left of them, nobody waits for them."""

from __future__ import annotations

import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.calls import until
from tests.app.conftest import Running, Start
from tests.app.killing import killable
from tests.app.planted import GIVE_UP_SECONDS, wav
from tests.trust.table import Row
from tests.trust.test_load import NO_LIMIT, Pulse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
OTHER_HOST = "127.0.0.2"  # as good as another machine's, on Linux
VANISHING = 200
HEAD = b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\n"


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=3 * GIVE_UP_SECONDS)


def whole_request(sound: bytes) -> bytes:
    request = httpx.Request("POST", "http://localhost/v1/jobs", files={"file": ("a.wav", sound)})
    kind, body = request.headers["content-type"], request.read()
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.row("F7")
def test_clients_that_vanish_at_random_bytes(start: Start, row: Row):
    running, chance = start(upload_idle_seconds=GIVE_UP_SECONDS), random.Random(5)
    request = whole_request(wav(60, seed=1))

    def vanish(cut: int) -> None:
        with connect(running.url) as connection:
            connection.sendall(request[:cut])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(vanish, [chance.randrange(1, len(request)) for _ in range(VANISHING)]))
    began = time.monotonic()
    until(lambda: running.service.folders.names() == [], "nothing is left on disk")
    seconds = time.monotonic() - began
    assert running.service.store.count_unfinished() == 0
    with running.client() as client:
        assert client.get("/v1/jobs").json()["data"] == []
    row.tell(f"{VANISHING} clients: 0 folders, 0 jobs, {seconds:.1f} s after the last")
    assert row.within(seconds, 5.0)


def closed_after(connection: socket.socket, began: float) -> float:
    """Seconds until the server closes; whatever it says before."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - began


def submit_from(address: str, url: str) -> str:
    """Put a job from there; its id."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=url, transport=transport, timeout=GIVE_UP_SECONDS) as client:
        answer = client.put("/v1/jobs", content=wav(1))
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


@pytest.mark.row("F8")
def test_slow_clients(tmp_path: Path, row: Row):
    """Heads that never end, and bodies of one byte every two seconds. Bodies in line for a place
    wait longer than those that are read; another host's upload goes through meanwhile."""
    heads, bodies = row.amount(200, 1000), row.amount(50, 200)
    over = threading.Event()
    by_day = {"HEAD_SECONDS": "3", "UPLOAD_IDLE_SECONDS": "3", "UPLOAD_WAIT_SECONDS": "9"}
    by_day |= {"UPLOAD_TURN_SECONDS": "0.5"}

    def drip(connections: list[socket.socket]) -> None:
        while not over.wait(2.0):
            for connection in connections:
                try:
                    connection.send(b"\0")
                except OSError:
                    continue

    with killable(tmp_path / "data", hold_at=NO_LIMIT) as service, ExitStack() as stack:
        if not row.amount(0, 1):
            service.kill()
            service.environment = {f"LONGFORM_{name}": value for name, value in by_day.items()}
            service.start()
        began = time.monotonic()
        half = [stack.enter_context(connect(service.url)) for _ in range(heads)]
        for connection in half:
            connection.sendall(HEAD + b"Content-Le")
        slow = [stack.enter_context(connect(service.url)) for _ in range(bodies)]
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n\0")
        dripping, pulse = threading.Thread(target=drip, args=(slow,)), Pulse(service)
        stack.callback(over.set)  # whatever fails: it would keep the process
        dripping.start()
        pulse.start()
        honest = submit_from(OTHER_HOST, service.url)
        with ThreadPoolExecutor(heads + bodies) as threads:
            seconds = list(threads.map(lambda one: closed_after(one, began), [*half, *slow]))
        slowest = pulse.stop()
        over.set()
        dripping.join()
        assert list(service.jobs()) == [honest]
    row.tell(
        f"{heads} heads closed within {max(seconds[:heads]):.0f} s, {bodies} bodies within "
        f"{max(seconds[heads:]):.0f} s, /health p99 {1000 * slowest:.0f} ms"
    )
    assert row.within(slowest, 1.0)
    assert row.within(max(seconds[:heads]), 30.0)
    assert row.within(max(seconds[heads:]), 120.0)


def chunked(body: bytes) -> bytes:
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body


def lengths() -> list[bytes]:
    values = (b"-1", b"x", b"", b"1e3", b"0x5", b"+5", b"5, 6", b"9" * 40, b" ", b"5 5", b"5\x00")
    double = (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n" * 2)
    one = [b"Content-Length: " + value + b"\r\n" for value in values]
    both = [b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"]
    return [HEAD + head + b"\r\nabcde" for head in (*one, *double, *both)]


def chunks() -> list[bytes]:
    sizes = (b"zz", b"-1", b"ffffffffffffffffffff", b"5 ;x", b"", b"0x5", b"5" * 5000, b"\x00")
    return [chunked(size + b"\r\nabcde\r\n0\r\n\r\n") for size in sizes]


def first_lines() -> list[bytes]:
    lines = (
        *(b"GET", b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1.1 x", b"\x16\x03\x01\x02\x00\x01"),
        *(b"GET http://other/ HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"PRI * HTTP/2.0", b"\xff" * 90),
        *(b"GET /" + b"a" * 100_000 + b" HTTP/1.1", b"g\x00t / HTTP/1.1", b"GET /\x00 HTTP/1.1"),
    )
    return [line + b"\r\nHost: localhost\r\nX: y\r\n\r\n" for line in lines]


def heads() -> list[bytes]:
    lines = (
        *(b"X" * 20_000 + b": y", b"X: " + b"y" * 1_000_000, b"X y", b": y", b"X : y", b"X:\x00"),
        *(b"X: y\r\n z: folded", b"Host: other", b"Host:", b"Host: a b", b"Expect: nonsense"),
        *(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked, gzip", b"Upgrade: websocket"),
    )
    begun = [b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n\r\n" for line in lines]
    return [*begun, HEAD + b"X-A: b\r\n" * 100_000, b"PUT /v1/jobs HTTP/1.1\r\n\r\n"]


def forms() -> list[bytes]:
    request = whole_request(wav(1))
    head, body = request.split(b"\r\n\r\n", 1)
    boundary = body.split(b"\r\n", 1)[0]
    last = len(body) - body.rindex(boundary)
    broken = (
        body[:-last],
        body.replace(boundary, b"--other"),
        boundary * 50,
        body[: len(body) // 2],
    )
    kinds = (b"multipart/form-data", b"multipart/form-data; boundary=", b"text/plain", b"a" * 9000)
    start, _, rest = head.partition(b"Content-Type: ")
    _, _, rest = rest.partition(b"\r\nContent-Length")
    named = [start + b"Content-Type: " + kind + b"\r\nContent-Length" + rest for kind in kinds]
    whole = [one + b"\r\n\r\n" + body for one in named]
    start, _, _ = head.partition(b"Content-Length")
    lengths = [start + b"Content-Length: %d\r\n\r\n" % len(one) + one for one in broken]
    packed = [HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x08\0\0"]
    return [*whole, *lengths, *packed]


def cut(requests: list[bytes], chance: random.Random) -> list[bytes]:
    """Requests with bytes changed, so that no two tries of one are the same."""
    changed = []
    for request in requests:
        content = bytearray(request)
        for _ in range(3):
            content[chance.randrange(min(len(content), 300))] = chance.randrange(256)
        changed.append(bytes(content))
    return changed


BROKEN = [*lengths(), *chunks(), *first_lines(), *heads(), *forms()]
REQUESTS = 300


def answer_to(running: Running, request: bytes) -> tuple[int | None, float]:
    """The status, None for none, and the seconds until the server has closed."""
    began, answer = time.monotonic(), b""
    with connect(running.url) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except OSError:
            pass  # it closed while we sent
    seconds = time.monotonic() - began
    return (int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None), seconds


@pytest.mark.row("B4")
def test_broken_requests(start: Start, row: Row):
    running, chance = start(head_seconds=5.0, upload_idle_seconds=5.0), random.Random(9)
    requests = list(BROKEN)
    while len(requests) < REQUESTS:
        requests += cut(BROKEN, chance)
    found: list[Any] = [answer_to(running, request) for request in requests[:REQUESTS]]
    statuses = [status for status, _ in found[: len(BROKEN)]]
    slowest = max(seconds for _, seconds in found)
    assert not [status for status, _ in found if status is not None and status >= 500]
    assert all(status is None or 400 <= status < 500 for status in statuses), statuses
    with running.client() as client:
        assert client.put("/v1/jobs", content=wav(1)).status_code == 202
    closed = sum(status is None for status, _ in found)
    row.tell(f"{REQUESTS} requests: 0 5xx, {closed} closed without a word, slowest {slowest:.1f} s")
    assert row.within(slowest, 30.0)
