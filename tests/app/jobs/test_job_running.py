"""How jobs run: in turn, cancelled, tried again, kept apart, expired."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy.exc

from app.engines.pool import EnginePool
from app.jobs.workflows import Workflows
from tests.app.calls import LONG, events_of, submit, until
from tests.app.conftest import Start
from tests.app.planted import GIVE_UP_SECONDS, PlantedDecoder, engine_failure, text_of, wav
from transcription.options import TranscriptionOptions
from transcription.pipeline import transcribe
from transcription.reader import Reader
from transcription.types import Observer, Transcript, WindowDecoder


def test_list_with_pages_and_filter(start: Start):
    running = start()
    with running.client() as client:
        made = [submit(client, wav(1, seed=n)).json()["id"] for n in range(5)]
        for job_id in made:
            running.wait(job_id)
        first = client.get("/v1/jobs", params={"limit": 3}).json()
        assert [job["id"] for job in first["data"]] == made[:1:-1]
        assert first["has_more"]
        rest = client.get("/v1/jobs", params={"limit": 3, "after": made[2]}).json()
        assert [job["id"] for job in rest["data"]] == [made[1], made[0]]
        assert not rest["has_more"]
        assert client.get("/v1/jobs", params={"status": "failed"}).json()["data"] == []
        assert client.get("/v1/jobs", params={"limit": 0}).status_code == 400


def test_events_from_the_start(start: Start):
    running = start(PlantedDecoder(0.01, slots=2))
    with running.client() as client:
        job = submit(client, LONG).json()
        with client.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            events = list(events_of(stream))
    kinds = [kind for _, kind, _ in events]
    assert {"status", "segments", "progress"} == set(kinds)
    segments = [s for _, kind, content in events if kind == "segments" for s in content["segments"]]
    assert [segment["id"] for segment in segments] == list(range(40))
    assert segments[0]["words"][0]["word"] in text_of(LONG)
    done = [content["windows_done"] for _, kind, content in events if kind == "progress"]
    assert done == sorted(done)
    assert events[-1][:2] == ("end", "status")
    assert events[-1][2]["status"] == "completed"


def test_idle_event_streams_have_a_heartbeat(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, heartbeat_seconds=0.1)
    with running.client() as client:
        job = submit(client).json()
        with client.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
            for line in stream.iter_lines():
                if line == ": ping":
                    decoder.released.set()
                if line.startswith("id: end"):
                    break
            else:
                pytest.fail("the stream ended without its last event")


def test_cancel_frees_the_engine(start: Start):
    decoder = PlantedDecoder(slots=2, free_windows=3)
    running = start(decoder)
    with running.client() as client:
        job = submit(client, LONG).json()
        until(lambda: decoder.decoded == 3, "three windows are decoded, two are in the slots")
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        document = client.get(f"/v1/jobs/{job['id']}").json()
        assert (document["status"], document["error"]["code"]) == ("cancelled", "cancelled")
        assert job["id"] in decoder.cancelled
        decoder.released.set()
        until(lambda: decoder.is_idle and not running.service.jobs.running(), "the job has left")
        assert decoder.decoded <= 3 + 2
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        assert client.get(f"/v1/jobs/{job['id']}").status_code == 404
        again = submit(client).json()
        assert running.wait(again["id"])["status"] == "completed"


@pytest.mark.parametrize("is_deleted", [False, True], ids=["cancel", "delete"])
def test_cancel_while_the_sound_is_listened_to(start: Start, is_deleted: bool):
    """No window is under way yet: the pipeline hears of it when it tells how far it is."""
    is_listening = threading.Event()

    def listen_for_ever(
        _source: Path,
        _options: TranscriptionOptions,
        _windows: WindowDecoder,
        *,
        workspace: Path,
        observer: Observer | None = None,
        reader: Reader | None = None,
    ) -> Transcript:
        assert observer
        assert workspace.is_dir()
        assert reader
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up:
            observer.ingested(1.0)
            is_listening.set()
            time.sleep(0.01)
        raise AssertionError("nobody stopped it")

    running = start(pipeline=listen_for_ever)
    with running.client() as client:
        job = submit(client).json()
        assert is_listening.wait(GIVE_UP_SECONDS)
        for _ in range(1 + is_deleted):  # the first cancels, the second deletes what has ended
            assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        until(lambda: not running.service.jobs.running(), "the job has left")
        assert running.service.folders.names() == []
        assert client.get(f"/v1/jobs/{job['id']}").status_code == (404 if is_deleted else 200)


class DatabaseBusy(sqlalchemy.exc.OperationalError):
    """As SQLite's file is held by somebody else for too long."""

    def __init__(self) -> None:
        locked = sqlite3.OperationalError("database is locked")
        locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
        super().__init__("BEGIN", {}, locked)


def on_gpu(decoder: PlantedDecoder) -> PlantedDecoder:
    """The decoder as if on a graphics processor: the pipeline has it listen for speech."""
    decoder.model = replace(decoder.model, device="cuda:0")
    return decoder


def test_cancel_while_the_engine_listens(start: Start):
    decoder = on_gpu(PlantedDecoder(slots=1, free_windows=0))
    running = start(decoder, pipeline=transcribe)
    with running.client() as client:
        job = submit(client, wav(100)).json()
        until(lambda: not decoder.is_idle, "the engine was asked")
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
        until(lambda: not running.service.jobs.running(), "the job has left")
        assert job["id"] in decoder.cancelled
        assert {options.task for options in decoder.options} <= {"voice_activity"}
        assert client.get(f"/v1/jobs/{job['id']}").json()["status"] == "cancelled"
        assert running.service.folders.names() == []


def test_an_engine_that_fails_while_it_listens_fails_the_job(start: Start):
    decoder = on_gpu(PlantedDecoder(fail=engine_failure))
    running = start(decoder, pipeline=transcribe)
    with running.client() as client:
        done = running.wait(submit(client, wav(100)).json()["id"])
        assert (done["status"], done["error"]["code"]) == ("failed", "engine_failed")
        assert {options.task for options in decoder.options} == {"voice_activity"}


def test_a_job_that_cannot_be_begun_keeps_nobody_from_beginning(
    start: Start, monkeypatch: pytest.MonkeyPatch
):
    """Four are chosen when the engine opens; the database is busy as the first is handed on."""
    decoder, may_open = PlantedDecoder(), threading.Event()
    start_workflow, failures = Workflows.start, [DatabaseBusy()]

    def busy_once(workflows: Workflows, *arguments: str) -> None:
        if failures:
            raise failures.pop()
        start_workflow(workflows, *arguments)

    monkeypatch.setattr(Workflows, "start", busy_once)
    engines = EnginePool({"planted": lambda tell: may_open.wait() and decoder})
    running = start(decoder, engines=engines)
    with running.client() as client:
        ids = [submit(client, wav(5, seed=n)).json()["id"] for n in range(4)]
        may_open.set()
        assert {running.wait(job_id)["status"] for job_id in ids} == {"completed"}
    assert not failures


def test_cancel_while_queued(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, running_jobs=1)
    with running.client() as client:
        first, second = submit(client).json(), submit(client, wav(5)).json()
        client.delete(f"/v1/jobs/{second['id']}")
        decoder.released.set()
        assert running.wait(second["id"])["status"] == "cancelled"
        assert running.wait(first["id"])["status"] == "completed"


def test_steps_are_tried_again_and_then_the_job_fails(start: Start):
    failing = PlantedDecoder(fail=lambda count: engine_failure(count) if count == 2 else None)
    running = start(failing)
    with running.client() as client:
        assert running.wait(submit(client).json()["id"])["status"] == "completed"
        failing.fail = engine_failure
        done = running.wait(submit(client, wav(5, seed=9)).json()["id"])
        assert (done["status"], done["error"]["code"]) == ("failed", "engine_failed")
        assert "secret" not in json.dumps(done)


def test_a_full_engine_is_waited_for(start: Start):
    decoder = PlantedDecoder(0.05, slots=1)
    decoder.queue_limit = 9
    running = start(decoder)
    with running.client() as client:
        done = running.wait(submit(client, LONG).json()["id"])
        assert done["status"] == "completed"
        text = client.get(f"/v1/jobs/{done['id']}/transcript").json()["text"]
        assert text == text_of(LONG)


def test_jobs_of_another_key_are_not_there(start: Start, tmp_path: Path):
    keys = tmp_path / "keys"
    lines = [f"{name}:{hashlib.sha256(name.encode() * 2).hexdigest()}" for name in ("ann", "bob")]
    keys.write_text("\n".join(["# two people", *lines]))
    running = start(api_keys_file=keys)
    ann, bob = ({"Authorization": f"Bearer {name * 2}"} for name in ("ann", "bob"))
    with running.client() as client:
        job = submit(client, headers=ann).json()
        assert running.wait(job["id"], **ann)["status"] == "completed"
        path = f"/v1/jobs/{job['id']}"
        suffixes = ("", "/events", "/transcript", "/clip?start=0&end=1")
        missing = client.get("/v1/jobs/job_unknown", headers=bob).json()["error"]["code"]
        for suffix in suffixes:
            assert client.get(path + suffix, headers=ann).status_code == 200
            foreign = client.get(path + suffix, headers=bob)
            assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, missing)
            assert client.get(path + suffix).status_code == 401
        assert client.delete(path, headers=bob).status_code == 404
        assert client.get("/v1/jobs", headers=bob).json()["data"] == []
        assert len(client.get("/v1/jobs", headers=ann).json()["data"]) == 1
        same_key = {**bob, "Idempotency-Key": "k"}
        mine = submit(client, headers={**ann, "Idempotency-Key": "k"}).json()
        assert submit(client, headers=same_key).json()["id"] != mine["id"]


def test_limits_of_one_key(start: Start):
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, queued_jobs_per_key=2)
    with running.client() as client:
        assert [submit(client, wav(1, seed=n)).status_code for n in range(3)] == [202, 202, 429]
        refused = submit(client)
        assert 1 <= int(refused.headers["retry-after"]) <= 120
        decoder.released.set()


def test_sound_goes_first_and_jobs_later(start: Start):
    running = start(audio_days=0, sweep_seconds=0.1)
    with running.client() as client:
        job = submit(client).json()
        running.wait(job["id"])
        path = f"/v1/jobs/{job['id']}"
        until(lambda: not client.get(path).json()["has_audio"], "the sound is gone")
        assert client.get(f"{path}/transcript").status_code == 200
        assert client.get(f"{path}/clip?start=0&end=1").json()["error"]["code"] == "sound_gone"
        running.service.store.set_expiry(job["id"], 1.0)
        until(lambda: client.get(path).status_code == 404, "the job is gone")
        assert job["id"] not in running.service.folders.names()


@pytest.mark.row("S3")
def test_nothing_of_a_deleted_job_is_left_on_disk(start: Start, tmp_path: Path):
    marker = b"secretprompt" + bytes(np.arange(97, 110, dtype=np.uint8))
    running = start()
    with running.client() as client:
        job = submit(client, data={"prompt": marker.decode()}).json()
        running.wait(job["id"])
        kept = [p for p in tmp_path.rglob("*") if p.is_file() and marker in p.read_bytes()]
        assert kept, "the test would prove nothing"
        client.delete(f"/v1/jobs/{job['id']}")
        left = [p for p in tmp_path.rglob("*") if p.is_file() and marker in p.read_bytes()]
        assert left == []
