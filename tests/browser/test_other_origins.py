"""A page of another site in a real browser, with the service's permission and without."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from app.http.api_keys import new_key
from tests.app.planted import text_of, wav

OpenPage = Callable[..., Page]
ROOT = Path(__file__).parents[2]
SOUND = wav(40, seed=9)
# As a page would: a key in a header, a file in a form, and the answer's headers read.
POST = """
async ([url, key, fields]) => {
  const sound = await (await fetch("sound.wav")).blob();
  const form = new FormData();
  form.append("file", sound, "sound.wav");
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  try {
    const answer = await fetch(url, { method: "POST", body: form, headers });
    const id = answer.headers.get("x-request-id");
    return { status: answer.status, id, body: await answer.text() };
  } catch (error) {
    return { status: 0, id: null, body: String(error) };
  }
}
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: the output belongs to the tests."""


@pytest.fixture
def other_site(tmp_path: Path) -> Iterator[str]:
    """A site with a page and a recording; `localhost` is another site than 127.0.0.1."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Notes</title>")
    (folder / "sound.wav").write_bytes(SOUND)
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    ) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def planted_service(folder: Path, **settings: str) -> Iterator[str]:
    """The address of the transcription route of a service of its own."""
    folder.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.app.planted_service", str(folder), str(folder / "log")],
        env={**os.environ, **settings},
        cwd=ROOT,
        stdout=subprocess.PIPE,
    ) as service:
        assert service.stdout is not None
        port = json.loads(service.stdout.readline())["port"]
        yield f"http://127.0.0.1:{port}/v1/audio/transcriptions"
        service.terminate()


def posted(page: Page, url: str, key: str = "", **fields: str) -> Any:
    return page.evaluate(POST, [url, key, {"model": "whisper-1", **fields}])


def test_a_page_of_another_site_is_kept_out(open_page: OpenPage, other_site: str, tmp_path: Path):
    page = open_page(other_site)
    with planted_service(tmp_path / "data") as url:
        for key in ("", "lf-any"):  # without a preflight, and with one
            answer = posted(page, url, key)
            assert (answer["status"], answer["id"]) == (0, None)
            assert "Failed to fetch" in answer["body"]


def test_a_page_that_is_let_in_comes_with_its_key(
    open_page: OpenPage, other_site: str, tmp_path: Path
):
    key, line = new_key("notes")
    (tmp_path / "keys").write_text(line)
    settings = {
        "LONGFORM_ALLOWED_ORIGINS": other_site,
        "LONGFORM_API_KEYS_FILE": str(tmp_path / "keys"),
    }
    page = open_page(other_site)
    with planted_service(tmp_path / "data", **settings) as url:
        answer = posted(page, url, key)
        assert json.loads(answer["body"])["text"] == text_of(SOUND)
        assert answer["id"].startswith("req_")
        events = posted(page, url, key, stream="true")
        assert "transcript.text.done" in events["body"]
        refused = posted(page, url, "lf-wrong")
        assert refused["status"] == 401
        assert json.loads(refused["body"])["error"]["code"] == "invalid_api_key"
