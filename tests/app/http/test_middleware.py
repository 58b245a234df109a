"""What every request passes first: host, key, origin, size, pace; and the headers of answers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.http.api_keys import ApiKeys, load_keys, new_key
from app.http.middleware import CONTENT_SECURITY_POLICY
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, wav


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    path = tmp_path_factory.mktemp("keys") / "keys"
    key, line = new_key("ann")
    path.write_text(f"# comment\n\n{line}\n")
    return key, path


def raw(running: Running, request: bytes, *, until: bytes | None = None) -> bytes:
    """What the server sends to these bytes until it closes, or until these bytes have come."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=GIVE_UP_SECONDS) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while part := connection.recv(65536):
                answer += part
                if until is not None and until in answer:
                    break
        except ConnectionError:
            pass  # closed before it had read everything
        return answer


def test_errors_have_openai_s_shape_everywhere(shared: Running):
    with shared.client() as client:
        for method, path, status in (
            ("GET", "/nothing", 404),
            ("PUT", "/v1/models", 405),
            ("GET", "/v1/jobs?limit=x", 400),
            ("POST", "/v1/audio/transcriptions", 400),
            ("GET", "/static/nothing.js", 404),
        ):
            answer = client.request(method, path)
            assert answer.status_code == status
            assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
            assert answer.headers["x-request-id"].startswith("req_")


def test_security_headers(shared: Running):
    with shared.client() as client:
        headers = client.get("/health", headers={"X-Request-ID": "mine-1"}).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-request-id"] == "mine-1"
        assert "server" not in headers
        forged = client.get("/health", headers={"X-Request-ID": "a b<script>"})
        assert forged.headers["x-request-id"].startswith("req_")


def test_other_host_names_are_refused(shared: Running):
    """DNS rebinding: a page of evil.example must not talk to a service on loopback."""
    with shared.client() as client:
        answer = client.get("/v1/models", headers={"Host": "evil.example"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "wrong_host")
        assert client.get("/v1/models", headers={"Host": "localhost:99"}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_other_sites_may_not_write(shared: Running, headers: dict[str, str]):
    with shared.client() as client:
        answer = client.put("/v1/jobs", content=wav(1), headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
        assert client.get("/v1/models", headers=headers).status_code == 200
        own = {"Origin": shared.url, "Sec-Fetch-Site": "same-origin"}
        assert client.put("/v1/jobs", content=wav(1), headers=own).status_code == 202


def test_the_own_page_behind_a_proxy_may_write(shared: Running):
    """nginx's plain proxy_pass names the upstream in Host; the browser knows better."""
    public = {"Origin": "https://speech.example", "Sec-Fetch-Site": "same-origin"}
    with shared.client() as client:
        assert client.put("/v1/jobs", content=wav(1), headers=public).status_code == 202


def test_compressed_bodies_are_refused(shared: Running):
    with shared.client() as client:
        answer = client.put("/v1/jobs", content=b"x", headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 415


@pytest.mark.row("S1")
def test_keys_are_checked_before_the_body_is_read(
    start: Start, tmp_path: Path, key_file: tuple[str, Path]
):
    key, path = key_file
    running = start(api_keys_file=path)
    with running.client() as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {key}"}):
            answer = client.post(
                "/v1/audio/transcriptions",
                headers=headers,
                data={"model": "planted"},
                files={"file": ("a.wav", wav(60))},
            )
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
            assert answer.headers["www-authenticate"] == "Bearer"
        assert running.service.folders.names() == []
        assert client.get("/metrics").status_code == 401
        assert client.get("/health").status_code == 200
        assert client.get("/ready").status_code == 200
        assert client.get("/").status_code == 200
        right = {"Authorization": f"Bearer {key}"}
        assert client.get("/v1/models", headers=right).status_code == 200


def test_wrong_key_is_401_before_a_body_that_never_comes(start: Start, key_file: tuple[str, Path]):
    running = start(api_keys_file=key_file[1])
    request = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer no\r\nContent-Length: 1000000\r\n\r\n"
    )
    assert raw(running, request, until=b"invalid_api_key").startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("head", [b"", b"GET /health HTTP/1.1\r\nHost: loc"])
def test_late_heads_are_closed(start: Start, head: bytes):
    """The client waits until the server closes: it would wait in vain otherwise."""
    running = start(head_seconds=0.3)
    assert raw(running, head) == b""


def test_stalled_bodies_are_refused(start: Start):
    running = start(upload_idle_seconds=0.3)
    stalled = raw(
        running,
        b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc",
        until=b"upload_stalled",
    )
    assert stalled.startswith(b"HTTP/1.1 400")
    assert running.service.folders.names() == []


def test_endless_heads_are_closed(shared: Running):
    answer = raw(shared, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 200_000)
    assert not answer.startswith(b"HTTP/1.1 200")
    with shared.client() as client:
        assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999999\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: x\r\n",
    ],
)
def test_contradictory_lengths_are_never_a_server_error(shared: Running, head: bytes):
    request = b"PUT /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head
    answer = raw(shared, request + b"\r\nabcde")
    assert answer.split()[1].startswith(b"4"), answer


def test_key_file(tmp_path: Path, key_file: tuple[str, Path]):
    key, path = key_file
    keys = load_keys(path)
    assert keys.caller_of(key) == "ann"
    assert keys.caller_of(key + "x") is None
    assert keys.caller_of("") is None
    assert not ApiKeys().are_required
    bad = tmp_path / "bad"
    for content in ("", "ann:123", f"{path.read_text()}\n{path.read_text()}"):
        bad.write_text(content)
        with pytest.raises(ValueError, match=r"API key|line"):
            load_keys(bad)
    with pytest.raises(ValueError, match="letters"):
        new_key("a b")
