"""Pages of other sites in a visitor's browser: closed by default, exact origins let in."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from app.http.api_keys import new_key
from app.http.origins import READABLE_HEADERS
from app.settings import Settings
from tests.app.conftest import Running, Start
from tests.app.planted import text_of, wav

NOTES = "https://notes.example"
PROGRAMS = ("app://obsidian.md", "chrome-extension://abcdefghijklmnop", "capacitor://localhost")
SOUND = wav(5, seed=8)


def preflight(client: httpx.Client, origin: str, **more: str) -> httpx.Response:
    """What a browser sends before a page of `origin` may post with a key."""
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-stainless-lang",
        "Sec-Fetch-Site": "cross-site",
        **more,
    }
    return client.options("/v1/audio/transcriptions", headers=asking)


def post(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(
        "/v1/audio/transcriptions",
        headers={"Sec-Fetch-Site": "cross-site", **headers},
        data={"model": "whisper-1"},
        files={"file": ("a.wav", SOUND)},
    )


def grants(answer: httpx.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.fixture
def keyed(tmp_path: Path) -> tuple[Path, str]:
    key, line = new_key("ann")
    (tmp_path / "keys").write_text(line)
    return tmp_path / "keys", f"Bearer {key}"


@pytest.mark.parametrize("origin", [NOTES, *PROGRAMS, "null", "file://"])
def test_nobody_is_let_in_by_default(shared: Running, origin: str):
    with shared.client() as client:
        for answer in (preflight(client, origin), post(client, Origin=origin)):
            assert (answer.status_code, grants(answer)) == (403, set())
            assert answer.json()["error"]["code"] == "foreign_origin"
        assert grants(client.get("/v1/models", headers={"Origin": origin})) == set()


def test_preflight_comes_before_the_key_and_the_key_before_the_body(
    start: Start, keyed: tuple[Path, str]
):
    path, key = keyed
    running = start(api_keys_file=path, allowed_origins=f"{NOTES}, app://obsidian.md")
    with running.client() as client:
        asked = preflight(client, NOTES)
        assert (asked.status_code, asked.content) == (204, b"")
        assert asked.headers["access-control-allow-origin"] == NOTES
        assert asked.headers["access-control-allow-headers"] == "authorization,x-stainless-lang"
        assert "POST" in asked.headers["access-control-allow-methods"]
        refused = post(client, Origin=NOTES)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert refused.headers["access-control-allow-origin"] == NOTES  # or the page sees no reason
        answer = post(client, Origin=NOTES, Authorization=key)
        assert answer.json()["text"] == text_of(SOUND)
        assert answer.headers["access-control-expose-headers"] == READABLE_HEADERS


def test_exact_origins_are_let_in(start: Start):
    running = start(allowed_origins=",".join((NOTES, *PROGRAMS)))
    with running.client() as client:
        for origin in (NOTES, *PROGRAMS):
            assert preflight(client, origin).headers["access-control-allow-origin"] == origin
            answer = post(client, Origin=origin)
            assert (answer.status_code, answer.headers["vary"]) == (200, "Origin")
            assert answer.headers["access-control-allow-origin"] == origin
            missing = client.get("/v1/jobs/none", headers={"Origin": origin})
            assert missing.headers["access-control-allow-origin"] == origin


ALIKE = (
    "http://notes.example",
    "https://notes.example:8443",
    "https://notes.example.evil.example",
    "https://evil.example/https://notes.example",
    "https://sub.notes.example",
    "https://notes.example/",
    "null",
    "*",
    "",
)


def test_origins_that_only_look_alike_stay_outside(start: Start):
    running = start(allowed_origins=NOTES)
    with running.client() as client:
        for origin in ALIKE:
            for answer in (preflight(client, origin), post(client, Origin=origin)):
                assert (answer.status_code, grants(answer)) == (403, set()), origin
                assert answer.headers["vary"] == "Origin"


def test_two_origins_in_one_request_are_none(start: Start):
    running = start(allowed_origins=NOTES)
    with running.client() as client:
        headers = [("Origin", NOTES), ("Origin", "https://evil.example")]
        answer = client.put("/v1/jobs", content=SOUND, headers=headers)
        assert (answer.status_code, grants(answer)) == (403, set())


def test_no_answer_lets_cookies_along_and_none_is_for_everyone(start: Start):
    running = start(allowed_origins=NOTES)
    with running.client() as client:
        for answer in (preflight(client, NOTES), post(client, Origin=NOTES)):
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers["access-control-allow-origin"] != "*"
            assert "*" not in answer.headers.get("access-control-allow-headers", "")


def test_headers_asked_for_are_granted_only_as_names(start: Start):
    running = start(allowed_origins=NOTES)
    with running.client() as client:
        odd = {"Access-Control-Request-Headers": "a, b; c=<d>"}
        granted = preflight(client, NOTES, **odd).headers["access-control-allow-headers"]
        assert granted.startswith("authorization, ")
        private = {"Access-Control-Request-Private-Network": "true"}
        name = "access-control-allow-private-network"
        assert preflight(client, NOTES, **private).headers[name] == "true"
        assert name not in preflight(client, NOTES).headers


def test_null_needs_keys(start: Start, keyed: tuple[Path, str]):
    """A sandboxed frame of any site has the origin null."""
    with pytest.raises(ValidationError, match=r"null.*LONGFORM_API_KEYS_FILE"):
        Settings(allowed_origins="null")
    path, key = keyed
    running = start(allowed_origins="null", api_keys_file=path)
    with running.client() as client:
        assert preflight(client, "null").headers["access-control-allow-origin"] == "null"
        assert post(client, Origin="null", Authorization=key).status_code == 200


def test_a_host_name_that_is_not_ours_has_no_preflight(start: Start):
    running = start(allowed_origins=NOTES)
    with running.client() as client:
        assert preflight(client, NOTES, Host="evil.example").status_code == 400


def test_origins_are_read_as_browsers_write_them():
    given = " HTTPS://Notes.Example:443 ,http://[::1]:3000, app://Obsidian.md, file://,"
    assert Settings(allowed_origins=given).origins == {
        "https://notes.example",
        "http://[::1]:3000",
        "app://Obsidian.md",
        "file://",
    }
    assert Settings().origins == frozenset()


@pytest.mark.parametrize(
    "origin",
    ["*", "https://*.example", "https://a.example/", "https://a.example/page", "a.example", "://"],
)
def test_what_is_no_exact_origin_is_refused_at_start(origin: str):
    with pytest.raises(ValidationError, match="LONGFORM_ALLOWED_ORIGINS takes exact origins"):
        Settings(allowed_origins=origin)
