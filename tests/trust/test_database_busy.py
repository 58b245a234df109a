"""Somebody else holds the database: clients are told to come back, jobs go on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.calls import submit, until
from tests.app.conftest import Start
from tests.app.planted import PlantedDecoder, text_of, wav

SOUND = wav(400, seed=9)
FORM = {"files": {"file": ("talk.wav", wav(5))}, "data": {"model": "whisper-1"}}


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The database, held as a backup or a careless tool holds it."""
    holder = sqlite3.connect(folder / "longform.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.mark.row("F9")
def test_clients_come_back_and_the_job_goes_on(start: Start, tmp_path: Path):
    decoder = PlantedDecoder(free_windows=4)
    running = start(decoder, database_busy_seconds=0.2)
    with running.client() as client:
        job = submit(client, SOUND).json()["id"]
        until(lambda: decoder.decoded == 4, "it is under way")
        with held(tmp_path):
            for answer in (submit(client, wav(5)), client.post("/v1/audio/transcriptions", **FORM)):
                assert (answer.status_code, answer.json()["error"]["code"]) == (
                    503,
                    "database_busy",
                )
                assert int(answer.headers["retry-after"]) > 0
                assert "x-should-retry" not in answer.headers
            assert client.get("/ready").json()["error"]["code"] == "database_busy"
            assert client.get("/health").status_code == 200
            assert client.get(f"/v1/jobs/{job}").json()["status"] == "running"  # reading goes on
            decoder.released.set()
            until(lambda: running.service.obstacle() is not None, "the job has met it")
        assert running.wait(job)["status"] == "completed"
        assert client.get(f"/v1/jobs/{job}/transcript").json()["text"] == text_of(SOUND)
        until(lambda: client.get("/ready").status_code == 200, "ready again")
        assert running.service.folders.names() == [job]  # of the refused, nothing is left
        assert client.post("/v1/audio/transcriptions", **FORM).status_code == 200


@pytest.mark.row("F9")
def test_a_short_hold_is_waited_for(start: Start, tmp_path: Path):
    decoder = PlantedDecoder(free_windows=4)
    running = start(decoder)
    with running.client() as client:
        job = submit(client, SOUND).json()["id"]
        until(lambda: decoder.decoded == 4, "it is under way")
        with held(tmp_path):
            decoder.released.set()
            until(lambda: decoder.decoded > 8, "its windows cannot be kept now")
        assert running.wait(job)["status"] == "completed"
        assert running.service.obstacle() is None
