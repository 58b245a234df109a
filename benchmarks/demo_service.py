"""The service as a process of its own, for as long as the demonstration lasts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console

from transcription.settings import Settings

START_SECONDS = 120.0
STOP_SECONDS = 20.0

console = Console(stderr=True)


@contextmanager
def running_service(settings: Settings) -> Iterator[str]:
    """`python -m app` on a free port with its data in a folder that is gone afterwards.

    Model and device are those of `settings`; nothing else that the user has set counts.
    """
    address = f"http://127.0.0.1:{(port := _free_port())}"
    chosen = settings.model_dump(exclude={"data_dir"}, exclude_none=True)
    with tempfile.TemporaryDirectory(prefix="longform-demo-") as folder:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("LONGFORM_")},
            **{f"LONGFORM_{k.upper()}": str(v) for k, v in chosen.items()},
            "LONGFORM_DATA_DIR": folder,
        }
        command = [sys.executable, "-m", "app", "--host", "127.0.0.1", "--port", str(port)]
        log_path = Path(folder) / "service.log"
        with log_path.open("wb") as log, console.status("starting the service"):
            service = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            try:
                _wait_until_ready(service, address, log_path)
            except BaseException:
                _stop(service)
                raise
        console.print(f"the service listens on {address}")
        try:
            yield address
        finally:
            _stop(service)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(service: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if service.poll() is not None:
            raise SystemExit(f"the service did not start:\n{log.read_text(errors='replace')}")
        try:
            if httpx.get(f"{address}/ready", timeout=2.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the service was not ready after {START_SECONDS:.0f} s; see {log}")


def _stop(service: subprocess.Popen[bytes]) -> None:
    if service.poll() is not None:
        return
    service.send_signal(signal.SIGTERM)
    try:
        service.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        service.kill()
        service.wait()
