"""A service with a small real engine, over real HTTP on a loopback port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.engines.pool import EnginePool
from app.http.server import server_of
from app.jobs.runs import Pipeline
from app.main import create_app
from app.service import Service
from app.settings import Settings
from decoding.types import Decoder
from tests.app.planted import GIVE_UP_SECONDS, PlantedDecoder, transcribe_plainly


class Running:
    """A service that runs in a thread of this process."""

    def __init__(
        self,
        settings: Settings,
        decoder: Decoder,
        pipeline: Pipeline,
        engines: EnginePool | None = None,
    ) -> None:
        self.decoder = decoder
        self.settings = settings
        gate: Any = create_app(settings, engines or EnginePool.of(decoder), pipeline)
        self.service: Service = gate.app.state.service
        self._server = server_of(gate, settings)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._open = ExitStack()

    def __enter__(self) -> Running:
        self._thread.start()
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended while it started"
            assert time.monotonic() < give_up, "the server did not start"
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        """Tell the server to stop, as SIGTERM does."""
        self._server.should_exit = True

    def __exit__(self, *_error: object) -> None:
        self._open.close()
        self._server.should_exit = True
        self._thread.join(GIVE_UP_SECONDS)
        self.decoder.close()
        assert not self._thread.is_alive(), "the server did not stop"

    @property
    def url(self) -> str:
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def client(self, **more: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=GIVE_UP_SECONDS, trust_env=False, **more)

    def openai(self, **more: Any) -> openai.OpenAI:
        """An official client, closed with the service."""
        more = {"api_key": "none", "max_retries": 0, "timeout": GIVE_UP_SECONDS, **more}
        client = openai.OpenAI(base_url=f"{self.url}/v1", **more)
        self._open.callback(client.close)
        return client

    def closing(self, client: httpx.Client) -> None:
        """Close this client with the service."""
        self._open.callback(client.close)

    def wait(self, job_id: str, seconds: float = GIVE_UP_SECONDS, **headers: str) -> dict[str, Any]:
        """The job's document when it has ended."""
        give_up = time.monotonic() + seconds
        with self.client(headers=headers) as client:
            while time.monotonic() < give_up:
                job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
                if job["status"] not in {"queued", "running"}:
                    return job
                time.sleep(0.02)
        raise AssertionError(f"job {job_id} did not end: {job}")


Start = Callable[..., Running]


class Shared:
    """One service for all tests that change no settings; it makes room for others.

    One in this process, whichever folder of tests asks: hence it is the class that holds it.
    """

    _running: Running | None = None

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders

    def running(self) -> Running:
        if Shared._running is None:
            folder = self._folders.mktemp("shared")
            settings = Settings(port=0, data_dir=folder, min_free_bytes=0, queued_jobs_per_key=1000)
            Shared._running = Running(settings, PlantedDecoder(), transcribe_plainly)
            Shared._running.__enter__()
        return Shared._running

    def close(self) -> None:
        if Shared._running is not None:
            Shared._running.__exit__()
            Shared._running = None


@pytest.fixture(scope="session")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    keeper = Shared(tmp_path_factory)
    yield keeper
    keeper.close()


@pytest.fixture
def shared(keeper: Shared) -> Running:
    return keeper.running()


@pytest.fixture
def start(tmp_path: Path, keeper: Shared) -> Iterator[Start]:
    """Start a service with these settings; stopped at the end of the test, or of `until`."""
    keeper.close()  # one service at a time in a process
    with ExitStack() as stack:

        def start_one(
            decoder: Decoder | None = None,
            pipeline: Pipeline = transcribe_plainly,
            until: ExitStack = stack,
            engines: EnginePool | None = None,
            **settings: Any,
        ) -> Running:
            chosen = {"port": 0, "data_dir": tmp_path, "min_free_bytes": 0, "sweep_seconds": 0.5}
            running = Running(
                Settings(**{**chosen, **settings}), decoder or PlantedDecoder(), pipeline, engines
            )
            if engines is not None:  # they stay the caller's to close, after the service
                until.callback(engines.close)
            return until.enter_context(running)

        yield start_one
