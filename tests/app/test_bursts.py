"""Many clients at once: all are answered, and an early answer is read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import openai

from app.errors import MAX_RETRY_AFTER
from app.http.server import KEEP_ALIVE_SECONDS
from tests.app.calls import until
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, PlantedDecoder, wav

MIB = 1 << 20
BURST = 24


def test_a_burst_on_an_idle_service_is_answered(start: Start):
    running = start(uploads_per_key=2)
    sounds = [wav(20, seed=number) for number in range(BURST)]

    def ask(sound: bytes) -> str:
        with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client:
            answer = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", sound))
            return answer.text

    with ThreadPoolExecutor(BURST) as threads:
        texts = list(threads.map(ask, sounds))
    assert len(set(texts)) == BURST
    assert running.service.uploads.in_use == running.service.uploads.waiting == 0


def test_a_burst_of_jobs_may_wait(start: Start):
    running = start(PlantedDecoder(free_windows=0))
    with running.client() as client, ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda _: client.put("/v1/jobs", content=wav(0.1)).status_code, range(130))
        )
    assert set(answers) == {202}


def test_a_full_line_is_told_while_the_client_still_sends(start: Start):
    """The client sends all of it before it reads; the answer must be there then."""
    running = start(
        uploads_per_key=1, waiting_uploads_per_key=0, upload_idle_seconds=GIVE_UP_SECONDS
    )
    may_end = Event()

    def held() -> Iterator[bytes]:
        yield wav(1)
        may_end.wait(GIVE_UP_SECONDS)

    with running.client() as one, ThreadPoolExecutor(1) as threads:
        first = threads.submit(one.put, "/v1/jobs", content=held())
        until(lambda: running.service.uploads.in_use == 1, "the first upload is under way")
        answers = [sent_before_read(running, 8 * MIB) for _ in range(4)]
        may_end.set()
        assert first.result().status_code == 202
    for answer in answers:
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert head.startswith(b"http/1.1 429")
        assert b"\r\nconnection: close" in head
        assert b"\r\nretry-after: " in head
        assert b"too_many_requests" in answer


def sent_before_read(running: Running, size: int) -> bytes:
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS) as connection:
        head = f"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(size // MIB):
            connection.sendall(bytes(MIB))
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_connections_stay_open_for_who_comes_back_when_told(start: Start):
    running = start()
    assert running._server.config.timeout_keep_alive == KEEP_ALIVE_SECONDS > MAX_RETRY_AFTER
