"""Health, readiness, figures, limits, and the page's files."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.app.calls import LONG, submit
from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, wav


def test_health_and_readiness(shared: Running):
    with shared.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {
            "status": "ready",
            "model": "planted",
            "device": "cpu",
        }
        assert client.get("/v1/limits").json()["max_upload_bytes"] == 2 << 30


def test_page_and_files(shared: Running):
    with shared.client() as client:
        page = client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert client.get("/static/index.html").status_code == 200
        for path in ("/static/../main.py", "/static/..%2fmain.py", "/static/%2e%2e/main.py"):
            assert client.get(path).status_code == 404


def test_figures(start: Start):
    running = start()
    with running.client() as client:
        running.wait(submit(client).json()["id"])
        running.wait(submit(client, b"no sound").json()["id"])
        client.get("/v1/jobs/unknown")
        figures = client.get("/metrics").text
    for line in (
        'longform_jobs{kind="job",status="completed"} 1.0',
        'longform_jobs_ended_total{code="unsupported_media",kind="job",status="failed"} 1.0',
        'longform_http_responses_total{route="/v1/jobs",status="202"} 2.0',
        "longform_engine_windows_total 3.0",
        "longform_engine_slots 8.0",
        "longform_uploads 0.0",
        "longform_job_speed_count 1.0",
    ):
        assert line in figures


def test_health_answers_while_jobs_decode(start: Start):
    running = start(PlantedDecoder(0.02))
    with running.client() as client:
        jobs = [submit(client, LONG).json()["id"] for _ in range(2)]
        slowest = 0.0
        while any(client.get(f"/v1/jobs/{job}").json()["status"] != "completed" for job in jobs):
            began = time.monotonic()
            client.get("/health")
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 2.0


def test_short_requests_do_not_wait_for_long_jobs(start: Start):
    decoder = PlantedDecoder()
    decoder.released.clear()
    running = start(decoder, running_jobs=1, running_requests=1)
    with running.client() as client, ThreadPoolExecutor(1) as threads:
        first, second = (submit(client, wav(5, seed=n)).json()["id"] for n in range(2))
        waiting = threads.submit(
            running.openai().audio.transcriptions.create,
            file=("a.wav", wav(5, seed=3)),
            model="planted",
        )
        give_up = time.monotonic() + 10
        while running.service.jobs.running() < 2:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        assert client.get(f"/v1/jobs/{second}").json()["status"] == "queued"
        decoder.released.set()
        assert waiting.result().text
        assert running.wait(first)["status"] == "completed"
        assert running.wait(second)["status"] == "completed"
