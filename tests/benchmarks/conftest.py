"""Small real recordings and a small real server for the benchmark's tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from benchmarks.sound import write_wave

MakeSound = Callable[..., Path]


@pytest.fixture
def make_sound() -> MakeSound:
    """Writes a wave file of a quiet tone; folders are made as needed."""

    def make(path: Path, seconds: float = 0.5) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 1000 * np.sin(np.arange(int(seconds * 16_000)) * 0.05)
        write_wave(path, tone.astype(np.int16))
        return path

    return make


@pytest.fixture
def speech_server() -> Iterator[str]:
    """An OpenAI-compatible server that hears the same words in every file; its base address.

    A file called broken… is answered with an error, one called slow… only when the test ends.
    """

    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"data": []})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b'filename="broken' in body:
                self._answer(400, {"error": {"message": "unreadable"}})
                return
            if b'filename="slow' in body:
                ended.wait(60)
                return
            words = [{"word": "hello", "start": 0.1, "end": 0.2}]
            self._answer(200, {"text": "hello there world", "words": words})

        def _answer(self, status: int, content: object) -> None:
            encoded = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *arguments: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    ended.set()
    server.shutdown()
    thread.join()
    server.server_close()
