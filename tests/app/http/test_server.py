"""What the server does with requests that are right and unusual: offers, targets, pipelines."""

from __future__ import annotations

import json
import socket

import pytest

from tests.app.conftest import Running
from tests.app.planted import GIVE_UP_SECONDS, wav

BOUNDARY = b"XYZ"
FORM = b"".join(
    (
        b'--XYZ\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n',
        b'--XYZ\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n',
        wav(1, seed=5),
        b"\r\n--XYZ--\r\n",
    )
)
# As the JDK's HttpClient sends it, until it knows that the server speaks HTTP/2 or does not.
JDK_HEAD = (
    b"POST /v1/audio/transcriptions HTTP/1.1\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\n"
    b"%b\r\n"
    b"Host: 127.0.0.1\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
    b"Upgrade: h2c\r\n"
    b"User-Agent: Java-http-client/17.0.15\r\n"
    b"Content-Type: multipart/form-data; boundary=XYZ\r\n\r\n"
)
LENGTH = b"Content-Length: %d" % len(FORM)
CHUNKED = b"Transfer-encoding: chunked"
IN_CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(FORM), FORM)
LAST = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def exchange(running: Running, *parts: bytes) -> bytes:
    """All that the server answers to these parts, which arrive one by one."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        for part in parts:
            connection.sendall(part)
        while received := connection.recv(65536):
            answer += received
        return answer


@pytest.mark.parametrize(
    "request_",
    [JDK_HEAD % LENGTH + FORM, JDK_HEAD % CHUNKED + IN_CHUNKS],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("cut", [None, 1, 40, 130, 300, 5000])
def test_an_offered_upgrade_is_declined_and_the_request_served(
    shared: Running, request_: bytes, cut: int | None
):
    parts = (request_,) if cut is None else (request_[:cut], request_[cut:])
    answers = exchange(shared, *parts, LAST).split(b"HTTP/1.1 ")
    assert [answer[:3] for answer in answers[1:]] == [b"200", b"200"]
    first = answers[1].partition(b"\r\n\r\n")[2]
    assert json.loads(first)["text"]


@pytest.mark.parametrize("kind", [b"h2c", b"websocket", b"TLS/1.0", b"nonsense"])
def test_offers_without_a_body(shared: Running, kind: bytes):
    offer = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
    answers = exchange(shared, offer % kind + b"\r\n", LAST)
    assert answers.count(b"HTTP/1.1 200") == 2


def test_many_offers_at_once_are_refused(shared: Running):
    offer = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    assert b"HTTP/1.1 400" in exchange(shared, offer * 1000)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://127.0.0.1/v1/models", 200),
        (b"http://localhost:1/v1/models", 200),
        (b"http://evil.example/v1/models", 400),
        (b"https://evil.example:443/v1/models?x=1", 400),
        (b"http://[::1]/v1/models", 200),
        (b"http://evil.example", 400),
        (b"evil.example", 400),
    ],
)
def test_the_host_of_the_target_is_what_counts(shared: Running, target: bytes, status: int):
    answer = exchange(
        shared, b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n" % target
    )
    assert answer.startswith(b"HTTP/1.1 %d" % status)


@pytest.mark.parametrize("hosts", [b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"])
def test_one_host_is_named(shared: Running, hosts: bytes):
    answer = exchange(shared, b"GET /v1/models HTTP/1.1\r\n%bConnection: close\r\n\r\n" % hosts)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"wrong_host" in answer


def test_pipelined_requests_are_answered_in_order(shared: Running):
    one = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert exchange(shared, one * 3, LAST).count(b"HTTP/1.1 200") == 4


def test_connect_is_refused(shared: Running):
    request = b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert exchange(shared, request).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://\u00bd", "null", "", ":"])
def test_senseless_origins_are_foreign(shared: Running, origin: str):
    with shared.client() as client:
        headers = {"Origin": origin.encode()}
        answer = client.put("/v1/jobs", content=wav(1), headers=headers)
        assert answer.json()["error"]["code"] == "foreign_origin"
