"""`python -m app` as users start it: ready, stopped, refused."""

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
import pytest

pytestmark = pytest.mark.slow  # loads torch and the demo model
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def app(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "LONGFORM_MODEL": "demo",
        "LONGFORM_DATA_DIR": str(folder),
        "LONGFORM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_ready(process: subprocess.Popen[str], port: int) -> None:
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        assert process.poll() is None
        try:
            if httpx.get(f"http://127.0.0.1:{port}/ready", timeout=30).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service was not ready in time")


@pytest.mark.timeout(400)  # three processes start, one behind the other
@pytest.mark.row("F9")
def test_start_serve_and_stop(tmp_path: Path):
    port = free_port()
    with app(tmp_path / "data", port) as process:
        wait_until_ready(process, port)
        with app(tmp_path / "data", free_port()) as second:
            _, log = second.communicate(timeout=90)
            assert second.returncode == 2
            assert "another service works in" in log.splitlines()[-1]
        with app(tmp_path / "other", port) as second:
            _, log = second.communicate(timeout=90)
            assert second.returncode == 2
            assert "could not start on" in log.splitlines()[-1]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=90)
        assert process.returncode == 0
        assert all(line.startswith("{") for line in log.splitlines())
    private = [path for path in (tmp_path / "data").rglob("*") if path.stat().st_mode & 0o077]
    assert private == []
