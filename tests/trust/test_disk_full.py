"""A disk that fills while jobs run: they wait, readiness tells, and all end as if undisturbed.

The disk is a small one in memory, which only the administrator can mount; the same is tried with
writes that fail, everywhere.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.app.calls import submit, until
from tests.app.conftest import Start
from tests.app.planted import PlantedDecoder, text_of, transcribe_plainly, wav
from transcription.types import Transcript

MIB = 1 << 20
DISK_BYTES = 16 * MIB
SOUND = wav(60, seed=8)  # 1.9 MB, and as much again when it is decoded


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with a disk of its own. Ask for it before `start`, so that it goes after it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here: that takes the administrator")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    return ballast


@pytest.mark.row("F4")
def test_a_job_goes_on_when_there_is_room_for_its_sound(disk: Path, start: Start):
    running = start(data_dir=disk)
    service = running.service
    ballast = fill(disk)
    with running.client() as client:
        refused = submit(client, SOUND)
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "disk_full")
        assert service.folders.names() == []
        with ballast.open("r+b") as file:
            file.truncate(ballast.stat().st_size - len(SOUND) - MIB)  # the upload, no more
        job = submit(client, SOUND).json()["id"]
        until(lambda: service.obstacle() is not None, "it has met the full disk")
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "disk_full")
        assert client.get("/health").status_code == 200
        until(lambda: service.jobs.running() == 0, "it waits")
        assert client.get(f"/v1/jobs/{job}").json()["status"] == "queued"
        ballast.unlink()
        assert running.wait(job)["status"] == "completed"
        assert client.get(f"/v1/jobs/{job}/transcript").json()["text"] == text_of(SOUND)
        assert client.get("/ready").status_code == 200


@pytest.mark.row("F4")
def test_jobs_go_on_when_there_is_room_for_their_checkpoints(disk: Path, start: Start):
    """Those that wait give back what they decoded, which may be room enough for the others."""
    decoder = PlantedDecoder(free_windows=0)
    running = start(decoder, data_dir=disk)
    service = running.service
    with running.client() as client:
        sounds = [SOUND, *(wav(20, seed=n) for n in range(3))]
        jobs = [submit(client, sound).json()["id"] for sound in sounds]
        until(lambda: not decoder.is_idle, "windows are under way")
        log = disk / "longform.db-wal"  # has room of its own until it is cut to nothing
        until(lambda: service.store.compact() or not log.stat().st_size, "the log is empty")
        ballast = fill(disk)
        decoder.released.set()
        until(lambda: service.obstacle() is not None, "a job has met the full disk")
        ballast.unlink()
        for job_id, sound in zip(jobs, sounds, strict=True):
            assert running.wait(job_id)["status"] == "completed"
            text = client.get(f"/v1/jobs/{job_id}/transcript").json()["text"]
            assert text == text_of(sound)


def test_readiness_really_writes(disk: Path, start: Start):
    running = start(data_dir=disk)
    with running.client() as client:
        assert client.get("/ready").status_code == 200
        ballast = fill(disk)
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()["error"]["code"]) == (503, "disk_full")
        ballast.unlink()
        assert client.get("/ready").status_code == 200


def test_readiness_keeps_the_reserve_that_uploads_must_leave(start: Start):
    running = start(min_free_bytes=1 << 62)
    with running.client() as client:
        assert client.get("/ready").json()["error"]["code"] == "disk_full"


@pytest.mark.parametrize(("has_run", "room"), [(False, 64 << 10), (True, 0)])
def test_a_start_on_a_full_disk_is_one_sentence(disk: Path, start: Start, has_run: bool, room: int):
    data = disk / "data"
    if has_run:
        with ExitStack() as ran:
            running = start(data_dir=data, until=ran)
            with running.client() as client:
                job = submit(client, wav(1)).json()["id"]
                running.wait(job)
    ballast = fill(disk)
    os.truncate(ballast, ballast.stat().st_size - room)
    environment = {**os.environ, "LONGFORM_DATA_DIR": str(data), "LONGFORM_MODEL": "demo"}
    ended = subprocess.run(
        [sys.executable, "-m", "app", "--port", "0"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 2
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"longform: the disk of {data} is full: nothing is lost; make room")
    ballast.unlink()
    if has_run:
        with start(data_dir=data).client() as client:
            assert client.get(f"/v1/jobs/{job}").json()["status"] == "completed"


class FullDisk:
    """The plain pipeline, whose `write` fails until there is room."""

    def __init__(self) -> None:
        self.has_room = False
        self.tries = 0

    def __call__(self, *arguments: Any, **more: Any) -> Transcript:
        self.tries += 1
        if not self.has_room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return transcribe_plainly(*arguments, **more)


def test_a_write_that_finds_no_room_does_not_fail_the_job(start: Start):
    pipeline = FullDisk()
    running = start(pipeline=pipeline)
    with running.client() as client:
        job = submit(client, SOUND).json()["id"]
        until(lambda: pipeline.tries >= 2, "it was tried again")
        assert client.get(f"/v1/jobs/{job}").json()["status"] in {"queued", "running"}
        pipeline.has_room = True
        assert running.wait(job)["status"] == "completed"


def test_a_request_on_a_full_disk_is_told_to_come_back(start: Start):
    running = start(pipeline=FullDisk())
    with running.client() as client:
        form = {"files": {"file": ("a.wav", SOUND)}, "data": {"model": "whisper-1"}}
        answer = client.post("/v1/audio/transcriptions", **form)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "disk_full")
        assert "x-should-retry" not in answer.headers
        assert int(answer.headers["retry-after"]) > 0
