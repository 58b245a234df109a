"""No engine can be had for a while: jobs wait, requests are told to come back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from app.errors import PASSING_FAILURES, Failure, of_failure
from decoding.process.engine_process import EngineProcess, Restarts
from tests.app.calls import submit, until
from tests.app.conftest import Start
from tests.app.planted import text_of, wav
from tests.trust.engines import BROKEN, HELD, open_loop_engine

SOUND = wav(400, seed=5)
RESTARTS = Restarts(in_a_row=2, first_delay=0.01, longest_delay=0.2)
FORM = {"files": {"file": ("talk.wav", wav(5))}, "data": {"model": "whisper-1"}}


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """The engine's folder."""
    room = tmp_path / "engine"
    room.mkdir()
    return room


@pytest.fixture
def engine(room: Path) -> Iterator[EngineProcess]:
    process = EngineProcess(partial(open_loop_engine, str(room)), restarts=RESTARTS)
    yield process
    process.close()


def lose(engine: EngineProcess, room: Path) -> None:
    """Kill the engine, and let no other be opened."""
    (room / BROKEN).touch()
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    until(lambda: not engine.is_alive, "the engine is away")


@pytest.mark.row("F6")
def test_jobs_wait_and_requests_come_back(start: Start, engine: EngineProcess, room: Path):
    running = start(engine)
    with running.client() as client:
        (room / HELD).touch()
        job = submit(client, SOUND).json()["id"]
        until(lambda: engine.statistics().queued, "its windows have reached the engine")
        lose(engine, room)
        until(lambda: client.get(f"/v1/jobs/{job}").json()["status"] == "queued", "it waits")
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "engine_unavailable")
        refused = client.post("/v1/audio/transcriptions", **FORM)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_unavailable")
        assert int(refused.headers["retry-after"]) > 0
        assert "x-should-retry" not in refused.headers
        later = submit(client, wav(40, seed=6))  # a job can wait
        assert later.status_code == 202
        figures = client.get("/metrics").text
        assert "longform_engine_available 0.0" in figures
        deaths = [
            line for line in figures.splitlines() if line.startswith("longform_engine_deaths")
        ]
        assert float(deaths[0].split()[1]) >= 3
        for name in (HELD, BROKEN):
            (room / name).unlink()
        until(lambda: client.get("/ready").status_code == 200, "it is ready again")
        assert running.wait(job)["status"] == "completed"
        assert running.wait(later.json()["id"])["status"] == "completed"
        assert client.get(f"/v1/jobs/{job}/transcript").json()["text"] == text_of(SOUND)
        assert client.post("/v1/audio/transcriptions", **FORM).status_code == 200
        assert "longform_engine_available 1.0" in client.get("/metrics").text


def test_a_request_under_way_is_told_to_come_back_and_then_answered(
    start: Start, engine: EngineProcess, room: Path
):
    """The official client does that by itself; the failure of the first try is not told again."""
    running = start(engine)
    (room / HELD).touch()

    def break_and_mend() -> None:
        until(lambda: engine.statistics().queued, "the request has reached the engine")
        lose(engine, room)
        until(lambda: not running.service.jobs.running(), "the first try was answered")
        for name in (HELD, BROKEN):
            (room / name).unlink()

    helper = Thread(target=break_and_mend)
    helper.start()
    client = running.openai(max_retries=8)
    sound = ("talk.wav", SOUND)
    answer = client.audio.transcriptions.create(model="whisper-1", file=sound)
    helper.join()
    assert answer.text == text_of(SOUND)


def test_jobs_that_wait_survive_a_restart(start: Start, tmp_path: Path, room: Path):
    folder = tmp_path / "kept"
    with ExitStack() as stack:
        first = EngineProcess(partial(open_loop_engine, str(room)), restarts=RESTARTS)
        running = start(first, until=stack, data_dir=folder)
        with running.client() as client:
            (room / HELD).touch()
            job = submit(client, SOUND).json()["id"]
            until(lambda: first.statistics().queued, "its windows have reached the engine")
            lose(first, room)
            until(lambda: client.get(f"/v1/jobs/{job}").json()["status"] == "queued", "it waits")
    for name in (HELD, BROKEN):
        (room / name).unlink()
    second = EngineProcess(partial(open_loop_engine, str(room)))
    running = start(second, data_dir=folder)
    assert running.wait(job)["status"] == "completed"


@pytest.mark.parametrize("code", sorted(PASSING_FAILURES))
def test_a_failure_that_passes_is_told_so(code: str):
    answer = of_failure(Failure(code, "Not now.", is_ours=True))
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert "x-should-retry" not in answer.headers
