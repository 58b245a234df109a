"""An HTTP server on loopback for tests in which the service asks somebody else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Exchange(BaseHTTPRequestHandler):
    """One request, and its answer."""

    def __init__(self, respond: Callable[[Exchange], None], *given: Any) -> None:
        self._respond = respond
        super().__init__(*given)

    def do_GET(self) -> None:
        self._respond(self)

    def do_POST(self) -> None:
        self._respond(self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class LoopbackServer:
    """Serves from its making to its close; `host` is host:port. Subclasses say how."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Exchange, self.respond))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}"

    def respond(self, exchange: Exchange) -> None:
        """In a thread for each connection."""
        raise NotImplementedError

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
