"""What comes behind the chunks of a body: it counts as head, and nothing of it is kept."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from app.http.api_keys import new_key
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, wav

MIB = 1 << 20
CHUNKED = b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
SOUND = wav(1)
WHOLE = b"%x\r\n%b\r\n0\r\n" % (len(SOUND), SOUND)


def sent(running: Running, *parts: bytes) -> tuple[bytes, int]:
    """What the server answers to these parts, sent one by one, until it closes; and the most
    memory that this process, in which it runs, had meanwhile."""
    host, port = running.url.removeprefix("http://").split(":")
    answer, most = b"", 0
    with socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                most = max(most, resident())
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass  # it has closed
    return answer, most


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_trailers_after_a_refusal_are_not_kept(start: Start, tmp_path: Path):
    _, line = new_key("ann")
    keys = tmp_path / "keys"
    keys.write_text(line + "\n")
    running = start(api_keys_file=keys)
    trailers = b"a: b\r\n" * (MIB // 6)
    before = resident()
    answer, most = sent(running, CHUNKED + b"0\r\n", *[trailers] * 16, b"\r\n")
    assert most - before < 64 * MIB
    assert answer == b"" or answer.startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("trailer", [b"a" * (MIB // 4), b"a: b\r\n" * (MIB // 24)])
def test_endless_trailers_are_closed(start: Start, trailer: bytes):
    running = start(upload_idle_seconds=3)
    assert sent(running, CHUNKED + WHOLE + b"X: ", *[trailer] * 8)[0] == b""
    assert running.service.store.count_unfinished() == 0


def test_a_short_trailer_is_passed_over(start: Start):
    running = start()
    request = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer, _ = sent(running, request + WHOLE + b"X: y\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 202")
