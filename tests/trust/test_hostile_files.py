"""Files and names of strangers, by every route that takes one, through the whole pipeline."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.app.calls import submit
from tests.app.conftest import Running, Start
from tests.app.planted import GIVE_UP_SECONDS, PlantedDecoder, wav, wav_of
from tests.trust.hostile_files import HOSTILE_NAMES, READ, HostileFile, hostile_files, tone
from tests.trust.processes import MB, children_of
from tests.trust.table import Row
from transcription.pipeline import transcribe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
FEWEST_FILES = 100
CLIENTS = 4


@contextmanager
def untouched_port() -> Iterator[tuple[str, list[object]]]:
    """An address on this machine, and who connected to it."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    came.append(server.accept())

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/sound.mp3", came
        server.shutdown(socket.SHUT_RDWR)


def outcome_of_request(running: Running, file: HostileFile) -> str:
    with running.client() as client:
        form = {"files": {"file": (file.name, file.content)}, "data": {"model": "whisper-1"}}
        return outcome_of(client.post("/v1/audio/transcriptions", **form))


def outcome_of_job(running: Running, file: HostileFile) -> str:
    with running.client() as client:
        answer = submit(client, files_name=(file.name, file.content))
        if answer.status_code != 202:
            return outcome_of(answer)
        job = running.wait(answer.json()["id"])
        if job["status"] == "completed":
            return READ
        assert job["error"]["type"] != "server_error", job
        return str(job["error"]["code"])


def outcome_of(answer: httpx.Response) -> str:
    if answer.status_code == 200:
        return READ
    assert 400 <= answer.status_code < 500, answer.text
    error = answer.json()["error"]
    assert "/" not in error["message"].replace("and/or", ""), error
    return str(error["code"])


@pytest.mark.row("B1")
def test_hostile_files(start: Start, tmp_path: Path, row: Row):
    secret = tmp_path / "secret.mp3"
    secret.write_bytes(wav_of(tone(2.0)))
    running = start(
        PlantedDecoder(), transcribe, max_audio_seconds=300, validation_seconds=GIVE_UP_SECONDS
    )
    with untouched_port() as (url, came):
        files = hostile_files(secret, url)
        with ThreadPoolExecutor(CLIENTS) as threads:
            asked = list(threads.map(lambda file: outcome_of_request(running, file), files))
            put = list(threads.map(lambda file: outcome_of_job(running, file), files))
    wrong = {
        file.name: (one, other)
        for file, one, other in zip(files, asked, put, strict=True)
        if not {one, other} <= file.expected
    }
    assert wrong == {}
    assert came == []
    assert children_of_this_process("ffmpeg") == []
    assert len(files) >= FEWEST_FILES
    with running.client() as client:
        for name in HOSTILE_NAMES:
            assert submit(client, files_name=(name, wav(1))).status_code == 202, name
        for job in client.get("/v1/jobs", params={"limit": 100}).json()["data"]:
            assert "/" not in job["filename"].replace("and/or", "")
            assert job["filename"].isprintable()
    row.tell(
        f"{len(files)} files by two routes, {len(HOSTILE_NAMES)} names: all as expected, "
        f"0 5xx, {len(came)} connections"
    )


def children_of_this_process(name: str) -> list[int]:
    found = []
    for child in children_of(os.getpid()):
        with suppress(OSError):
            if name in Path(f"/proc/{child}/comm").read_text():
                found.append(child)
    return found


@pytest.mark.row("B2")
def test_mutated_recordings(row: Row):
    count = row.amount(200, 5000)
    command = [sys.executable, "-m", "tests.trust.mutations", str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    read = figures["outcomes"].pop("read", 0)
    assert read + sum(figures["outcomes"].values()) == count
    codes = len(figures["outcomes"])
    row.tell(
        f"{count} files: {read} read, {count - read} refused with {codes} codes, "
        f"ffmpeg {figures['child_bytes'] / MB:.0f} MB, slowest {figures['slowest']} s"
    )
    assert figures["child_bytes"] <= 300 * MB
    assert row.within(figures["slowest"], 20.0)
