"""Much at once and for long: memory, order and answers stay what they are with little."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from app.errors import MAX_RETRY_AFTER
from tests.app.calls import events_of, submit, until
from tests.app.conftest import Running, Start
from tests.app.killing import Killable, killable
from tests.app.planted import PlantedDecoder, wav
from tests.trust.processes import MB, Usage, bytes_below, reset_peak, usage_of
from tests.trust.table import Row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MIB = 1 << 20
UPLOADS = 8
NO_LIMIT = 10**9


class Pulse(threading.Thread):
    """Asks for /health again and again; `seconds` that each answer took."""

    def __init__(self, service: Killable) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._is_over = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        with self._service.client() as client:
            while not self._is_over.wait(0.01):
                began = time.monotonic()
                assert client.get("/health").status_code == 200
                self.seconds.append(time.monotonic() - began)

    def stop(self) -> float:
        """The time within which 99 of 100 were answered."""
        self._is_over.set()
        self.join()
        return sorted(self.seconds)[int(0.99 * (len(self.seconds) - 1))]


def upload_at_once(service: Killable, size_mib: int) -> None:
    def body(number: int) -> Iterator[bytes]:
        block = bytes([number]) * MIB
        return (block for _ in range(size_mib))

    def upload(number: int) -> int:
        with service.client() as client:
            return client.put("/v1/jobs", content=body(number)).status_code

    with ThreadPoolExecutor(UPLOADS) as threads:
        assert set(threads.map(upload, range(UPLOADS))) == {202}
    while any(job["status"] in {"queued", "running"} for job in service.jobs().values()):
        time.sleep(0.05)


@pytest.mark.row("L1")
def test_large_uploads_at_once(tmp_path: Path, row: Row):
    size = row.amount(150, 1024)
    with killable(tmp_path / "data", hold_at=NO_LIMIT) as service:
        upload_at_once(service, 4)  # buffers that stay
        reset_peak(service.pid)
        before, pulse = usage_of(service.pid).resident_bytes, Pulse(service)
        pulse.start()
        upload_at_once(service, size)
        slowest = pulse.stop()
        grown = (usage_of(service.pid).peak_bytes - before) / MB
    row.tell(f"{UPLOADS} of {size} MiB: +{grown:.0f} MB, /health p99 {1000 * slowest:.0f} ms")
    assert grown <= 100
    assert row.within(slowest, 0.25)


JOBS, WATCHERS = 200, 100
GATE_SECONDS = 500.0  # longer than a busy machine takes 200 jobs


def watch(running: Running, job: str) -> list[int]:
    """The numbers of the segments that were told, in two connections."""
    told: list[int] = []
    with running.client() as client:
        for connection in range(2):
            headers = {"Last-Event-ID": str(len(told))}
            with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as stream:
                for _, kind, content in events_of(stream):
                    if kind == "segments":
                        told += [segment["id"] for segment in content["segments"]]
                        if connection == 0:
                            break
    return told


@pytest.mark.row("L3")
def test_a_full_queue_and_its_watchers(start: Start, row: Row):
    decoder = PlantedDecoder(free_windows=0, gate_seconds=GATE_SECONDS)
    running = start(decoder, running_jobs=1, queued_jobs_per_key=JOBS)
    with (
        running.client() as client,
        ThreadPoolExecutor(WATCHERS) as threads,
        decoder.released_at_the_end(),  # else a check that fails leaves all watchers waiting
    ):
        jobs = [submit(client, wav(35, seed=n)).json()["id"] for n in range(JOBS)]
        refused = submit(client, wav(1))
        code = refused.json()["error"]["code"]
        assert (refused.status_code, code) == (429, "too_many_requests")
        assert 0 < int(refused.headers["retry-after"]) <= MAX_RETRY_AFTER <= 120
        heard = [threads.submit(watch, running, job) for job in jobs[:WATCHERS]]
        until(lambda: running.service.watchers.in_use == WATCHERS, "all watch")
        decoder.released.set()
        documents = [running.wait(job) for job in jobs]
        numbers = [one.result() for one in heard]
    assert {document["status"] for document in documents} == {"completed"}
    assert all(told == [0, 1] for told in numbers)
    began = [document["started_at"] for document in documents]
    assert began == sorted(began)
    row.tell(
        f"{JOBS} jobs in order, {WATCHERS} watchers heard every segment once; "
        f"429 with Retry-After {refused.headers['retry-after']}"
    )


def work_off(client: httpx.Client, jobs: int, first: int) -> None:
    """So many jobs and requests, one after another, every second one deleted."""
    for number in range(first, first + jobs):
        if number % 4 == 0:
            form = {"files": {"file": ("a.wav", wav(3, seed=number))}}
            answer = client.post(
                "/v1/audio/transcriptions", data={"model": "planted", "language": "en"}, **form
            )
            assert answer.status_code == 200
            continue
        job = client.put("/v1/jobs", content=wav(3, seed=number)).json()["id"]
        with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
            *_, (_, _, last) = events_of(stream)
            assert last["status"] == "completed"
        if number % 2:
            assert client.delete(f"/v1/jobs/{job}").status_code == 204


def grown_per_hundred(samples: list[Usage], jobs_between: int) -> float:
    """MB of memory for each hundred jobs: the slope of the straight line through the samples."""
    count = len(samples)
    places = [jobs_between * n / 100 for n in range(count)]
    values = [sample.resident_bytes / MB for sample in samples]
    middle, mean = sum(places) / count, sum(values) / count
    above = sum((x - middle) * (y - mean) for x, y in zip(places, values, strict=True))
    return above / sum((x - middle) ** 2 for x in places)


@pytest.mark.row("L4")
def test_nothing_grows_with_the_number_of_jobs(tmp_path: Path, row: Row):
    jobs, samples = row.amount(300, 2000), 6
    with killable(tmp_path / "data", hold_at=NO_LIMIT) as service:
        service.kill()
        service.environment = {
            "LONGFORM_REQUEST_GRACE_SECONDS": "0.5",
            "LONGFORM_SWEEP_SECONDS": "1",
        }
        service.start()
        with service.client() as client:
            work_off(client, 150, 0)
            found = [usage_of(service.pid)]
            for sample in range(samples):
                work_off(client, jobs // samples, 1000 + sample * jobs)
                found.append(usage_of(service.pid))
            kept = client.get("/v1/jobs", params={"limit": 100}).json()["data"]
            for job in kept:
                client.delete(f"/v1/jobs/{job['id']}")
        slope = grown_per_hundred(found, jobs // samples)
        folders = tmp_path / "data" / "jobs"
    row.tell(
        f"{jobs} jobs: {slope:+.2f} MB per 100, files {found[0].files} to {found[-1].files}, "
        f"threads {found[0].threads} to {found[-1].threads}, {found[-1].children} children"
    )
    assert slope < 1.0
    assert found[-1].files <= found[0].files + 8
    assert found[-1].threads <= found[0].threads + 8
    assert found[-1].children == 0
    assert bytes_below(folders) < 100 * MB
