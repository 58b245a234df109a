"""The service as its users start it: a process of its own, on a free port of this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
GIVE_UP_SECONDS = 250.0


@contextmanager
def served(data: Path, **settings: str) -> Iterator[httpx.Client]:
    """A client of a service that is ready; `settings` are further variables of its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = subprocess.Popen(
        [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(port)],
        env={**os.environ, "LONGFORM_DATA_DIR": str(data), **settings},
        cwd=ROOT,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=GIVE_UP_SECONDS) as client:
            _wait_until_ready(client, service)
            yield client
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)


def _wait_until_ready(client: httpx.Client, service: subprocess.Popen) -> None:
    """How long that takes proves nothing."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        assert service.poll() is None, "the service ended"
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service never became ready")
