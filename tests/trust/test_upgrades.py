"""A data folder of every released schema, taken over by this release."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.app.calls import submit
from tests.app.conftest import Start
from tests.app.planted import text_of, wav
from tests.trust.make_release import RELEASED

# As they were sent to the release: name, seconds, seed, Idempotency-Key, fields.
SENT: dict[str, tuple[int, int, str, dict[str, str]]] = {
    "talk-1.wav": (40, 1, "first", {"language": "en"}),
    "talk-2.wav": (100, 2, "second", {}),
    **{f"talk-{n}.wav": (20, n, f"key{n}", {}) for n in range(3, 8)},
}
DUMPS = sorted(RELEASED.glob("*.sql"))
assert DUMPS


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(folder / "longform.db")
    database.row_factory = sqlite3.Row
    yield database
    database.commit()
    database.close()


def restore(dump: Path, folder: Path) -> dict[str, sqlite3.Row]:
    """The folder as that release left it when it was killed; its jobs by file name."""
    with opened(folder) as database:
        database.executescript(dump.read_text(encoding="utf-8"))
        jobs = {row["file_name"]: row for row in database.execute("SELECT * FROM longform_jobs")}
    assert jobs.keys() == SENT.keys()
    for name, job in jobs.items():
        if job["status"] in {"queued", "running"}:
            upload = folder / "jobs" / job["id"] / "upload"
            upload.parent.mkdir(parents=True)
            upload.write_bytes(wav(SENT[name][0], seed=SENT[name][1]))
    (folder / "executor").write_text(next(iter(jobs.values()))["executor"])
    return jobs


def send_again(client: Any, name: str, **more: str) -> Any:
    seconds, seed, key, fields = SENT[name]
    return submit(
        client,
        files_name=(name, wav(seconds, seed=seed)),
        data=fields | more,
        headers={"Idempotency-Key": key},
    )


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
def test_jobs_of_a_released_schema_go_on(start: Start, tmp_path: Path, dump: Path):
    jobs = restore(dump, tmp_path)
    statuses = {job["status"] for job in jobs.values()}
    assert statuses == {"completed", "running", "queued"}
    running = start(model="planted")
    with running.client() as client:
        for name, job in jobs.items():
            seconds, seed, _, _ = SENT[name]
            assert running.wait(job["id"])["status"] == "completed"
            text = client.get(f"/v1/jobs/{job['id']}/transcript").json()["text"]
            assert text == text_of(wav(seconds, seed=seed))
        for name, job in jobs.items():
            again = send_again(client, name)
            assert (again.status_code, again.json()["id"]) == (202, job["id"])
        assert send_again(client, "talk-1.wav", language="de").status_code == 422
        listed = client.get("/v1/jobs").json()["data"]
        assert {job["id"] for job in listed} == {job["id"] for job in jobs.values()}
        gone = jobs["talk-1.wav"]["id"]
        assert client.delete(f"/v1/jobs/{gone}").status_code == 204
        assert client.get(f"/v1/jobs/{gone}").status_code == 404


def forget_an_option(folder: Path, name: str) -> None:
    """Make the job one of a release that did not know an option, fingerprint and all."""
    with opened(folder) as database:
        query = "SELECT options FROM longform_jobs WHERE file_name = ?"
        options = json.loads(database.execute(query, (name,)).fetchone()["options"])
        del options["speech"]["skip_silence"]
        text = json.dumps(options, separators=(",", ":"))
        digest = hashlib.sha256(wav(SENT[name][0], seed=SENT[name][1])).hexdigest()
        whole = "\n".join((digest, "planted", "None", text))
        fingerprint = hashlib.sha256(whole.encode()).hexdigest()
        database.execute(
            "UPDATE longform_jobs SET options = ?, fingerprint = ? WHERE file_name = ?",
            (text, fingerprint, name),
        )


def test_a_key_finds_its_job_though_options_were_added_since(start: Start, tmp_path: Path):
    jobs = restore(DUMPS[-1], tmp_path)
    for name in ("talk-1.wav", "talk-7.wav"):
        forget_an_option(tmp_path, name)
    running = start(model="planted")
    with running.client() as client:
        for name in ("talk-1.wav", "talk-7.wav"):
            again = send_again(client, name)
            assert (again.status_code, again.json()["id"]) == (202, jobs[name]["id"])
        assert running.wait(jobs["talk-7.wav"]["id"])["status"] == "completed"
        other = submit(client, wav(5), headers={"Idempotency-Key": "first"})
        assert other.status_code == 422
