"""No room from the N-th write of a job on, for every N until there is none that fails."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from app.jobs import obstacles
from tests.app.calls import submit, until
from tests.app.conftest import Running, Start
from tests.app.planted import text_of, wav
from tests.trust.durable_steps import DurableSteps
from tests.trust.table import Row

SOUND = wav(100, seed=8)
NEEDS_ROOM = {"open", "os.mkdir", "commit"}
FEWEST_WRITES = 12


class Disk:
    """Has no room for step `first` nor for any behind it, until there is room again."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.refused = 0

    def __call__(self, number: int, kind: str) -> None:
        if self.first is None or number < self.first or kind not in NEEDS_ROOM:
            return
        self.refused += 1
        if kind != "commit":
            raise OSError(errno.ENOSPC, "No space left on device")
        full = sqlite3.OperationalError("database or disk is full")
        full.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise sa.exc.OperationalError("COMMIT", {}, full)


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Disk, DurableSteps]]:
    monkeypatch.setattr(obstacles, "FIRST_PAUSE_SECONDS", 0.05)
    disk = Disk()
    steps = DurableSteps(tmp_path, disk)
    yield disk, steps
    steps.act = lambda _number, _kind: None


def status_of(client: httpx.Client, job_id: str) -> str:
    status: str = client.get(f"/v1/jobs/{job_id}").json()["status"]
    return status


def meet_full_disk(running: Running, client: httpx.Client, disk: Disk) -> int:
    """Put a job; when it has met the full disk, make room. The status of the upload's answer."""
    answer = submit(client, SOUND)
    if answer.status_code == 202:
        job = answer.json()["id"]
        ended = {"completed", "failed"}
        until(lambda: disk.refused or status_of(client, job) in ended, "it meets the disk or ends")
        disk.first = None
        assert running.wait(job)["status"] == "completed"
        assert client.get(f"/v1/jobs/{job}/transcript").json()["text"] == text_of(SOUND)
    disk.first = None
    return answer.status_code


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row("F4")
def test_no_room_from_each_write_on(start: Start, disk: tuple[Disk, DurableSteps], row: Row):
    full, steps = disk
    running = start(sweep_seconds=0.05)
    answers: list[int] = []
    with running.client() as client:
        first = 0
        while not answers or full.refused:
            first += 1
            steps.reset()
            full.refused, full.first = 0, first
            answers.append(meet_full_disk(running, client, full))
            until(lambda: client.get("/ready").status_code == 200, "ready again")
            small = submit(client, wav(1, seed=first))
            assert small.status_code == 202
            assert running.wait(small.json()["id"])["status"] == "completed"
            for job in client.get("/v1/jobs").json()["data"]:
                assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
            until(lambda: running.service.folders.names() == [], "nothing is left")
    assert set(answers) <= {202, 503, 507}, answers
    assert len(answers) > FEWEST_WRITES
    taken = answers.count(202)
    row.tell(f"{len(answers)} places: {len(answers) - taken} refused, {taken} jobs went on")
