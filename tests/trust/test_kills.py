"""A service killed at each step that lasts on disk, and copies of its folder: nothing is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.app.calls import until
from tests.app.killing import DidNotStart, Killable, killable
from tests.app.planted import GIVE_UP_SECONDS, text_of, wav
from tests.trust.table import Row

SOUND = wav(100, seed=4)
KEY = {"Idempotency-Key": "once"}
NINTH = 9


def wait_for_end(service: Killable, job_id: str) -> None:
    with service.client() as client:
        while (job := client.get(f"/v1/jobs/{job_id}").json())["status"] in {"queued", "running"}:
            time.sleep(0.02)
    assert job["status"] == "completed", job


def ask_until_taken(service: Killable) -> None:
    """Put the job and wait for its end."""
    with service.client() as client:
        answer = client.put("/v1/jobs", content=SOUND, headers=KEY)
        assert answer.status_code == 202, answer.text
        wait_for_end(service, answer.json()["id"])


def killed_at(step: int, folder: Path) -> bool:
    """Whether the service got so far; afterwards all is as if it had never been killed."""
    folder.parent.mkdir()
    service = Killable(folder)
    was_killed = True
    with suppress(DidNotStart, httpx.TransportError):
        service.start("--kill-at", str(step))
        ask_until_taken(service)
        was_killed = False
    service.kill()
    service.start()
    try:
        ask_until_taken(service)
        (job,) = service.jobs().values()
        assert service.transcript(job["id"])["text"] == text_of(SOUND)
        until(lambda: os.listdir(folder / "jobs") == [job["id"]], "a half upload is gone")
    finally:
        service.kill()
    return was_killed


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row("F2")
def test_killed_before_every_durable_step(tmp_path: Path, row: Row):
    stride = 1 if row.amount(0, 1) else NINTH
    step = 1
    while killed_at(step, tmp_path / f"{step}" / "data"):
        shutil.rmtree(tmp_path / f"{step}")
        step += stride
    assert step > 4 * NINTH, "a job takes more steps than that"
    row.tell(f"{(step - 1) // stride} kills, before step 1 to {step - stride}: all whole")


class Writer(threading.Thread):
    """Puts jobs one after another; `accepted` are those that the service has answered for."""

    def __init__(self, service: Killable) -> None:
        super().__init__(daemon=True)
        self._service = service
        self.is_over = threading.Event()
        self.accepted: list[str] = []

    def run(self) -> None:
        number = 0
        with self._service.client() as client:
            while not self.is_over.is_set():
                answer = client.put("/v1/jobs", content=wav(35, seed=number))
                self.accepted.append(answer.json()["id"])
                number += 1


def check_copy(copy: Path, accepted: list[str]) -> None:
    with sqlite3.connect(copy / "longform.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = {name for (name,) in database.execute("SELECT id FROM longform_jobs")}
    database.close()
    assert set(accepted) <= found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row("F10")
def test_copies_of_the_folder_at_random_moments(tmp_path: Path, row: Row):
    """As a loss of power leaves it: the process is stopped while the files are copied."""
    chance, copies = random.Random(3), row.amount(20, 100)
    with killable(tmp_path / "data", hold_at=10**9) as service:
        writer = Writer(service)
        writer.start()
        for number in range(copies):
            time.sleep(chance.uniform(0.0, 0.2))
            accepted = writer.accepted[:]
            os.kill(service.pid, signal.SIGSTOP)
            try:
                copy = shutil.copytree(tmp_path / "data", tmp_path / "copy")
            finally:
                os.kill(service.pid, signal.SIGCONT)
            if number == copies - 1:
                break
            check_copy(copy, accepted)
            shutil.rmtree(copy)
        writer.is_over.set()
        writer.join(GIVE_UP_SECONDS)
    (copy / "lock").unlink()
    check_copy(copy, accepted)
    assert len(accepted) >= copies // 4
    with killable(tmp_path / "copy", hold_at=10**9) as service:  # and a service goes on in it
        for name in accepted:
            wait_for_end(service, name)
    row.tell(f"{copies} copies, the last with {len(accepted)} accepted jobs: 0 damaged, 0 lost")
