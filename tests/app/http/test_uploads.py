"""Uploads: limits, broken forms, hostile names, memory, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.http import uploads
from app.http.multipart import clean_name
from tests.app.calls import until
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, wav

MIB = 1 << 20
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
MODEL = PART % (b"model", b"", b"planted")
FILE = PART % (b"file", b'; filename="a.wav"', wav(1))
END = b"--b--\r\n"


def post(running: Running, body: bytes, path: str = "/v1/audio/transcriptions") -> httpx.Response:
    with running.client() as client:
        return client.post(path, content=body, headers=FORM)


def code(answer: httpx.Response) -> str:
    value: str = answer.json()["error"]["code"]
    return value


def test_an_upload_that_was_swept_away_is_no_job(shared: Running):
    """As happens to a service that slept while it received, and shares its folder."""
    service, sound = shared.service, wav(5)
    known, names = set(service.receiving), []

    def body() -> Iterator[bytes]:
        yield sound[: len(sound) // 2]
        until(lambda: service.receiving - known, "the upload is under way")
        names.extend(service.receiving - known)
        upload = service.folders.of(names[0]).upload
        until(upload.exists, "some of it is on disk")
        upload.unlink()
        yield sound[len(sound) // 2 :]

    with shared.client() as client:
        answer = client.put("/v1/jobs", content=body())
    assert (answer.status_code, code(answer)) == (503, "unavailable")
    assert names[0] not in service.folders.names()
    assert service.store.find(names[0]) is None


def test_order_of_fields_does_not_matter(shared: Running):
    words = PART % (b"timestamp_granularities[]", b"", b"word")
    verbose = PART % (b"response_format", b"", b"verbose_json")
    for order in (
        (MODEL, words, verbose, FILE),
        (FILE, MODEL, words, verbose),
        (words, FILE, verbose, MODEL),
    ):
        answer = post(shared, b"".join(order) + END)
        assert answer.status_code == 200
        assert answer.json()["words"]


def connect(running: Running) -> socket.socket:
    host, port = running.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS)


def test_options_are_judged_before_the_file_is_read(shared: Running):
    """The answer comes although not one byte of the file has been sent."""
    head = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 20000000\r\n\r\n"
    )
    begun = PART % (b"model", b"", b"none") + (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    answer = b""
    with connect(shared) as connection:
        connection.sendall(head + begun)
        while b"model_not_found" not in answer:
            part = connection.recv(65536)
            assert part, answer
            answer += part
    assert answer.startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (MODEL + FILE, "invalid_form"),
        (MODEL + FILE[:-10], "invalid_form"),
        (b"", "invalid_form"),
        (b"garbage" * 100, "invalid_form"),
        (MODEL + END, "missing_required_parameter"),
        (MODEL + FILE + FILE + END, "too_many_files"),
        (MODEL * 100 + FILE + END, "too_many_fields"),
        (
            MODEL + PART % (b"prompt", b'; filename="p.txt"', b"Harbour") + FILE + END,
            "field_is_a_file",
        ),
        (MODEL + FILE + PART % (b"prompt", b'; filename=""', b"Harbour") + END, "field_is_a_file"),
        (
            MODEL + FILE + PART % (b"vad", b"", b"0") + PART % (b"vad", b"", b"1") + END,
            "conflicting_values",
        ),
        (MODEL + PART % (b"prompt", b"", b"\xff\xfe") + FILE + END, "invalid_value"),
        (MODEL + PART % (b"prompt", b"", b"x" * 2 * MIB) + FILE + END, "field_too_long"),
        (MODEL + PART % (b"file", b'; filename="a"', b"") + END, "empty_file"),
        (b"--b\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", "invalid_form"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_broken_forms(shared: Running, body: bytes, expected: str):
    before = set(shared.service.folders.names())
    answer = post(shared, body)
    assert (answer.status_code, code(answer)) == (400, expected)
    assert set(shared.service.folders.names()) <= before


@pytest.mark.parametrize("name", ["response_format", "max_lines"])
def test_a_transcript_is_asked_for_in_one_way(shared: Running, name: str):
    values = {"response_format": ("srt", "vtt"), "max_lines": ("1", "2")}[name]
    with shared.client() as client:
        job = client.post("/v1/jobs", files={"file": ("a.wav", wav(1))}).json()
        shared.wait(job["id"])
        path, asked = f"/v1/jobs/{job['id']}/transcript", {"response_format": "srt"}
        once = client.get(path, params={**asked, name: values[0]})
        twice = client.get(path, params={**asked, name: list(values)})
    assert once.status_code == 200
    assert (twice.status_code, code(twice)) == (400, "conflicting_values")


def test_a_body_that_is_no_form(shared: Running):
    with shared.client() as client:
        answer = client.post("/v1/jobs", json={"file": "x"})
    assert (answer.status_code, code(answer)) == (400, "invalid_form")


def test_hostile_file_names_are_only_words(shared: Running):
    names = ("../../etc/passwd", "a\x00b.wav", "<img src=x>.wav", "-i.wav", "file:x", "म.wav", ".",
             "x" * 5000 + ".wav")  # fmt: skip
    with shared.client() as client:
        for name in names:
            answer = client.post("/v1/jobs", files={"file": (name, wav(1))})
            assert answer.status_code == 202
            job = answer.json()
            assert "/" not in job["filename"]
            shared.wait(job["id"])
            headers = client.get(f"/v1/jobs/{job['id']}/transcript").headers
            assert headers["content-disposition"].isascii()


def test_a_slow_disk_holds_up_uploads_alone(shared: Running):
    """Every thread that may write is stuck; what else the service does in threads goes on."""
    is_fast_again = threading.Event()
    with ThreadPoolExecutor(8) as clients, shared.client() as client:
        for _ in range(uploads.DISK_THREADS):
            uploads._DISK.submit(is_fast_again.wait, GIVE_UP_SECONDS)
        sent = [clients.submit(client.put, "/v1/jobs", content=wav(1, seed=n)) for n in range(8)]
        try:
            assert client.get("/ready").status_code == 200
            assert client.get("/v1/jobs").status_code == 200
            assert client.get("/metrics").status_code == 200
            assert not any(upload.done() for upload in sent)
        finally:
            is_fast_again.set()
        assert {upload.result().status_code for upload in sent} == {202}


def test_what_is_tidied_is_tidied_though_nobody_waits():
    is_fast_again, is_tidy = threading.Event(), threading.Event()
    are_stuck = threading.Barrier(uploads.DISK_THREADS + 1)

    def stick() -> None:
        are_stuck.wait(GIVE_UP_SECONDS)
        is_fast_again.wait(GIVE_UP_SECONDS)

    async def give_up() -> None:
        tidying = asyncio.create_task(uploads.tidy_on_disk(is_tidy.set))
        await asyncio.sleep(0)  # it is in the queue now, and every thread is stuck
        tidying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await tidying
        assert not is_tidy.is_set()
        is_fast_again.set()

    for _ in range(uploads.DISK_THREADS):
        uploads._DISK.submit(stick)
    are_stuck.wait(GIVE_UP_SECONDS)
    asyncio.run(give_up())
    assert is_tidy.wait(GIVE_UP_SECONDS)


def test_clean_names():
    assert clean_name("C:\\music\\a.wav") == "a.wav"
    assert clean_name("\u202egnp.wav\r\nX: y") == "gnp.wavX: y"
    assert clean_name("") == "audio"
    assert len(clean_name("x" * 1000)) == 200


def test_too_large_a_file(start: Start):
    running = start(max_upload_bytes=MIB)
    with running.client() as client:
        declared = client.put("/v1/jobs", content=b"\0" * (12 * MIB))
        assert (declared.status_code, code(declared)) == (413, "file_too_large")
        streamed = client.put("/v1/jobs", content=(b"\0" * 65536 for _ in range(40)))
        assert (streamed.status_code, code(streamed)) == (413, "file_too_large")
        form = client.post("/v1/jobs", files={"file": ("a.wav", b"\0" * (2 * MIB))})
        assert (form.status_code, code(form)) == (413, "file_too_large")
    assert running.service.folders.names() == []


def test_no_room_on_the_disk(start: Start):
    running = start(min_free_bytes=1 << 60)
    with running.client() as client:
        answer = client.put("/v1/jobs", content=wav(1))
    assert (answer.status_code, code(answer)) == (507, "disk_full")


def test_an_upload_that_breaks_off_leaves_nothing(start: Start):
    running = start(upload_idle_seconds=GIVE_UP_SECONDS)
    with connect(running) as connection:
        head = b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head + b"\0" * 3_000_000)
        until(lambda: len(running.service.folders.names()) == 1, "the upload has a folder")
    until(lambda: running.service.folders.names() == [], "the folder is gone")
    with running.client() as client:
        until(lambda: 'route="/v1/jobs",status="' in client.get("/metrics").text, "it is counted")


def upload_many(running: Running, uploads: int, size: int) -> int:
    """Growth of the process in bytes while uploads run; half-way through all, /health answers."""
    before = resident()
    most = [before]
    went_on = threading.Event()

    def body(number: int) -> Iterator[bytes]:
        block = bytes([number]) * MIB
        for sent in range(size // MIB):
            if sent == size // MIB // 2:
                went_on.wait(GIVE_UP_SECONDS)
            yield block
            most[0] = max(most[0], resident())

    def upload(number: int) -> int:
        with running.client() as client:
            return client.put("/v1/jobs", content=body(number)).status_code

    with ThreadPoolExecutor(uploads) as threads, running.client() as client:
        answers = threads.map(upload, range(uploads))
        until(lambda: running.service.uploads.in_use == uploads, "all uploads are under way")
        assert client.get("/health").status_code == 200
        went_on.set()
        assert set(answers) == {202}
    return most[0] - before


def resident() -> int:
    """Bytes of this process in memory: the service runs in it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_uploads_do_not_grow_the_process(start: Start):
    running = start(upload_idle_seconds=GIVE_UP_SECONDS)
    upload_many(running, 8, 2 * MIB)  # buffers that stay
    assert upload_many(running, 8, 24 * MIB) < 100 * MIB
