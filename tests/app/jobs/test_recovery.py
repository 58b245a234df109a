"""What a start makes of jobs that a crash left in odd states."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.engines.pool import EnginePool
from app.errors import ApiError, Failure, failure_of, of_failure
from app.http.fields import Fields
from app.http.forms import read_form
from app.jobs import workflows
from app.jobs.workflows import executor_of
from app.storage.codecs import decode_pieces, encode_options
from app.storage.folders import JobFolder
from app.storage.store import Job, Store
from app.storage.tables import checkpoints, open_engine, sqlite_url
from decoding.errors import EngineFailed, QueueFull, UnsupportedOption
from decoding.types import Clip, Decoded, DecodingOptions, ModelCard, TimedText
from tests.app.calls import submit, until
from tests.app.conftest import Start
from tests.app.planted import (
    PlantedDecoder,
    copy_of,
    text_of,
    transcribe_plainly,
    wav,
)
from transcription.audio_cache import NOTE
from transcription.errors import CorruptAudio
from transcription.options import TranscriptionOptions
from transcription.types import Transcript

CARD = ModelCard("planted", True, ("en", "de"), 1, "cpu", "fp32")
SOUND = wav(40, seed=31)


def left_behind(folder: Path, **state: object) -> str:
    """A job in the data folder as a service left it that was killed."""
    executor = executor_of(folder, "killed")
    store = Store(sqlite_url(folder))
    job = {
        "id": "job_left", "executor": executor, "owner": "local", "kind": "job",
        "status": "queued", "created": 1.0, "fingerprint": "f", "file_name": "a.wav",
        "file_bytes": 1, "model": "planted", "options": encode_options(TranscriptionOptions()),
    }  # fmt: skip
    assert store.add(Job(**{**job, **state}))
    store.close()
    job_folder = JobFolder(folder / "jobs" / "job_left")
    job_folder.path.mkdir(parents=True)
    job_folder.upload.write_bytes(SOUND)
    return "job_left"


@pytest.mark.parametrize("status", ["queued", "running"])
def test_accepted_but_never_started(start: Start, tmp_path: Path, status: str):
    job_id = left_behind(tmp_path, status=status)
    running = start()
    assert running.wait(job_id)["status"] == "completed"
    with running.client() as client:
        assert client.get(f"/v1/jobs/{job_id}/transcript").json()["text"] == text_of(SOUND)


def test_a_job_that_stops_the_service_every_time_is_given_up(start: Start, tmp_path: Path):
    job_id = left_behind(tmp_path, status="running", starts=5)
    done = start(fruitless_starts=5).wait(job_id)
    assert (done["status"], done["error"]["code"]) == ("failed", "job_stops_service")


def test_a_job_begins_when_its_engine_opens_just_as_it_is_put_back(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its first workflow is still about to leave, and must not be kept waiting for the second."""
    job_id = left_behind(tmp_path, status="running", starts=1, started=1.0)
    may_open = threading.Event()
    decoder = PlantedDecoder()
    pool = EnginePool({"planted": lambda tell: may_open.wait() and decoder})
    put_back = Store.put_back

    def opening(store: Store, name: str, **more: Any) -> None:
        put_back(store, name, **more)
        may_open.set()
        until(lambda: pool.default.state == "open", "the engine is open")

    monkeypatch.setattr(Store, "put_back", opening)
    with ExitStack() as stack:
        running = start(decoder, engines=pool, until=stack)
        assert running.wait(job_id)["status"] == "completed"
        assert may_open.is_set()
    until(lambda: not any("dbos-exec" in one.name for one in threading.enumerate()), "all left")


def test_a_request_whose_client_is_gone_is_given_up(start: Start, tmp_path: Path):
    left_behind(tmp_path, kind="request", status="running", started=1.0)
    running = start(disconnect_grace_seconds=0, request_grace_seconds=0, sweep_seconds=0.1)
    until(lambda: running.service.folders.names() == [], "the request's folder is gone")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_beside_the_storing_of_a_result_loses_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
):
    """The data folder is copied as `kill -9` would leave it then; a second service goes on."""
    first, second = tmp_path / "first", tmp_path / "second"
    complete = Store.complete

    def crashing(store: Store, *arguments: Any, **more: Any) -> bool:
        if moment == "before":
            copy_of(first, second)
        has_ended = complete(store, *arguments, **more)
        if moment == "after":
            copy_of(first, second)
        return has_ended

    monkeypatch.setattr(Store, "complete", crashing)
    with ExitStack() as stack:
        running = start(data_dir=first, until=stack)
        with running.client() as client:
            job_id = submit(client, SOUND).json()["id"]
        assert running.wait(job_id)["status"] == "completed"
    monkeypatch.undo()
    running = start(data_dir=second)
    assert running.wait(job_id)["status"] == "completed"
    with running.client() as client:
        path = f"/v1/jobs/{job_id}"
        assert client.get(f"{path}/transcript").json()["text"] == text_of(SOUND)
        assert client.get(f"{path}/clip?start=0&end=1").status_code == 200
    folder = running.service.folders.of(job_id)
    until(lambda: not folder.upload.exists() and not folder.workspace.exists(), "tidied")


@pytest.mark.parametrize("is_noted", [True, False], ids=["listened to", "half decoded"])
def test_sound_that_was_listened_to_outlives_a_crash(start: Start, tmp_path: Path, is_noted: bool):
    """Whole samples lie in the workspace when a job goes on; halves of them are gone."""
    found: list[list[str]] = []
    first, second = tmp_path / "first", tmp_path / "second"
    decoder = PlantedDecoder(free_windows=0)

    def pipeline(source: Path, *arguments: Any, workspace: Path, **more: Any) -> Transcript:
        found.append(sorted(path.name for path in workspace.iterdir()))
        (workspace / "0.pcm").write_bytes(b"sound")
        if is_noted:
            (workspace / NOTE).write_bytes(b"{}")
        return transcribe_plainly(source, *arguments, workspace=workspace, **more)

    with ExitStack() as stack:
        running = start(decoder, pipeline, data_dir=first, until=stack)
        with running.client() as client:
            job_id = submit(client, SOUND).json()["id"]
        until(lambda: not decoder.is_idle, "the first step is under way")
        copy_of(first, second)
        decoder.released.set()
        assert running.wait(job_id)["status"] == "completed"
    running = start(pipeline=pipeline, data_dir=second)
    assert running.wait(job_id)["status"] == "completed"
    assert found == [[], ["0.pcm", NOTE] if is_noted else []]


def test_after_a_crash_nothing_is_decoded_or_listened_to_again(start: Start, tmp_path: Path):
    """The upload is spoiled behind the job's back: who reads it again ends with an error."""
    from transcription.pipeline import transcribe

    first, second = tmp_path / "first", tmp_path / "second"
    decoder = PlantedDecoder(free_windows=1)
    sound = wav(150)
    with ExitStack() as stack:
        running = start(decoder, transcribe, data_dir=first, until=stack)
        with running.client() as client:
            job = client.put("/v1/jobs", content=sound, params={"vad": "false"}).json()
        until(lambda: decoder.decoded == 1, "windows are under way")
        copy_of(first, second)
        decoder.released.set()
        assert running.wait(job["id"])["status"] == "completed"
        with running.client() as client:
            undisturbed = client.get(f"/v1/jobs/{job['id']}/transcript").json()
    upload = second / "jobs" / job["id"] / "upload"
    date = upload.stat().st_mtime_ns
    upload.write_bytes(bytes(len(sound)))
    os.utime(upload, ns=(date, date))
    running = start(PlantedDecoder(), transcribe, data_dir=second)
    assert running.wait(job["id"])["status"] == "completed"
    with running.client() as client:
        assert client.get(f"/v1/jobs/{job['id']}/transcript").json() == undisturbed


def test_a_job_of_another_scheme_of_steps_begins_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As an upgrade finds it: the history says what no step of today says."""
    first, second = tmp_path / "first", tmp_path / "second"
    decoder = PlantedDecoder(free_windows=1)
    with monkeypatch.context() as patched, ExitStack() as stack:
        patched.setattr(workflows, "STEP_SCHEME", "of an older version")
        running = start(decoder, data_dir=first, until=stack)
        with running.client() as client:
            job_id = submit(client, SOUND).json()["id"]
        until(lambda: decoder.decoded == 1, "steps are under way")
        copy_of(first, second)
        decoder.released.set()
    running = start(data_dir=second)
    assert running.wait(job_id)["status"] == "completed"
    with running.client() as client:
        assert client.get(f"/v1/jobs/{job_id}/transcript").json()["text"] == text_of(SOUND)


class Stopping(PlantedDecoder):
    """Stops writing somewhere in the last third of a clip, as its samples decide."""

    def _decode(self, clip: Clip, options: DecodingOptions) -> Decoded:
        decoded = super()._decode(clip, options)
        share = 1 - abs(int(clip.samples[0])) / 9000
        return replace(decoded, timed_text=(TimedText(0.0, share * clip.seconds, decoded.text),))


def num_checkpointed(folder: Path) -> int:
    """How many windows a data folder keeps the pieces of."""
    engine = open_engine(sqlite_url(folder))
    try:
        with engine.connect() as connection:
            kept = connection.execute(sa.select(checkpoints.c.pieces)).scalars()
            return sum(len(decode_pieces(stored)) for stored in kept)
    finally:
        engine.dispose()


def test_chains_go_on_where_a_crash_interrupted_them(start: Start, tmp_path: Path):
    """Where a window lies depends on what was heard before it: from checkpoints the same."""
    from transcription.pipeline import transcribe

    first, second = tmp_path / "first", tmp_path / "second"
    decoder = Stopping(free_windows=12)
    params = {"vad": "false", "plan": "chains", "chain": "60", "overlap": "5", "language": "en"}
    with ExitStack() as stack:
        running = start(decoder, transcribe, data_dir=first, until=stack)
        with running.client() as client:
            job = client.put("/v1/jobs", content=wav(330), params=params).json()
        until(lambda: decoder.asked > 12, "a window of the six chains is a third one")
        copy_of(first, second)
        decoder.released.set()
        assert running.wait(job["id"])["status"] == "completed"
        with running.client() as client:
            undisturbed = client.get(f"/v1/jobs/{job['id']}/transcript").json()
    num_kept = num_checkpointed(second)
    resumed = Stopping()
    running = start(resumed, transcribe, data_dir=second)
    assert running.wait(job["id"])["status"] == "completed"
    with running.client() as client:
        assert client.get(f"/v1/jobs/{job['id']}/transcript").json() == undisturbed
    assert 0 < num_kept <= 12
    assert resumed.decoded == decoder.decoded - num_kept
    assert set(resumed.clips) < set(decoder.clips)


def test_failures_say_whose_fault_it_was():
    ours = (EngineFailed("x"), OSError("/secret/path"), KeyError("x"))
    for error in ours:
        failure = failure_of(error)
        assert failure.is_ours
        assert "secret" not in failure.message
        assert of_failure(failure).headers["x-should-retry"] == "false"
    assert of_failure(failure_of(QueueFull("x"))).headers["Retry-After"]
    theirs = failure_of(CorruptAudio("cut off"))
    assert theirs == Failure("corrupt_audio", "cut off", "file")
    assert failure_of(UnsupportedOption("no")).code == "unsupported_option"


@pytest.mark.parametrize(
    ("pairs", "speech"),
    [
        ([("chunking_strategy", "auto")], (0.5, 0.5, 0.2)),
        ([("chunking_strategy", '{"type": "server_vad", "threshold": 0.3}')], (0.3, 0.5, 0.2)),
        (
            [
                ("chunking_strategy[type]", "server_vad"),
                ("chunking_strategy[silence_duration_ms]", "200"),
                ("chunking_strategy[prefix_padding_ms]", "300"),
            ],
            (0.5, 0.2, 0.3),
        ),
    ],
)
def test_chunking_strategy(pairs: list[tuple[str, str]], speech: tuple[float, float, float]):
    options = read_form(Fields(pairs), CARD).options.speech
    assert (options.threshold, options.min_silence, options.pad) == speech


@pytest.mark.parametrize(
    "pairs",
    [
        [("chunking_strategy", "{broken")],
        [("chunking_strategy", '{"threshold": "high"}')],
        [("chunking_strategy[silence_duration_ms]", "-5")],
        [("temperature", "nan")],
        [("length_penalty", "inf")],
        [("ranking", "best")],
        [("window", "nan")],
        [("stream", "perhaps")],
        [("include[]", "everything")],
        [("timestamp_granularities[]", "letter")],
        [("languages[]", "en"), ("language", "de")],
        [("prompt", "x" * 30_000)],
        [("keywords[]", "x")] * 100,
        [("language", "hi")],
    ],
)
def test_values_that_cannot_be_honoured(pairs: list[tuple[str, str]]):
    with pytest.raises(ApiError) as caught:
        read_form(Fields(pairs), CARD)
    assert caught.value.status == 400
    assert caught.value.param


def test_a_short_window_overlaps_by_a_sixth():
    windows = read_form(Fields([("window", "12")]), CARD).options.windows
    assert (windows.window, windows.overlap) == (12.0, 2.0)
