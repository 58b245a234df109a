"""From the first second: the port is open, jobs are taken, and it is told how far the model is."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from decoding.errors import EngineFailed, ModelUnavailable
from tests.app.calls import submit, until
from tests.app.conftest import Running, Start
from tests.app.engines.planted_models import PlantedOpening, pool_of
from tests.app.planted import text_of, wav

ROOT = Path(__file__).parents[2]
SOUND = wav(70, seed=3)
ADDRESS = "whisper-longform listens on http://127.0.0.1:"
FORM = {"files": {"file": ("talk.wav", SOUND)}, "data": {"model": "whisper-1"}}


def answer_of_a_request_that_waits(running: Running, opening: PlantedOpening) -> httpx.Response:
    """The request is in the queue before the model may be opened."""

    def ask() -> httpx.Response:
        with running.client() as client:
            return client.post("/v1/audio/transcriptions", **FORM)

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(ask)
        until(lambda: running.service.store.count_unfinished(kind="request"), "it waits")
        opening.may_open.set()
        return answer.result()


def test_what_comes_before_the_model_waits_for_it(start: Start):
    opening = PlantedOpening("base", is_held=True)
    running = start(engines=pool_of(opening))
    with running.client() as client:
        assert client.get("/health").status_code == 200
        until(lambda: client.get("/ready").json()["progress"]["bytes_done"], "it tells how far")
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert int(ready.headers["retry-after"]) > 0
        assert ready.json() == {
            "progress": {
                "model": "base",
                "phase": "downloading",
                "bytes_done": 5_000_000,
                "bytes_total": 20_000_000,
            },
            "error": {
                "message": "The model 'base' is being downloaded: 5 of 20 MB.",
                "type": "server_error",
                "param": None,
                "code": "model_loading",
            },
        }
        job = submit(client, SOUND).json()
        assert (job["status"], job["model"]) == ("queued", "base")
        answer = answer_of_a_request_that_waits(running, opening)
        assert (answer.status_code, answer.json()["text"]) == (200, text_of(SOUND))
        assert running.wait(job["id"])["status"] == "completed"
        assert client.get("/ready").json() == {"status": "ready", "model": "base", "device": "cpu"}


def test_a_failed_download_is_told_and_tried_again(start: Start):
    opening = PlantedOpening("base", *[ModelUnavailable("no network")] * 3)
    opening.may_open.clear()
    running = start(engines=pool_of(opening))
    with running.client() as client:
        job = submit(client, SOUND).json()
        held = running.service.engines
        codes, messages = set(), set()

        def look() -> bool:
            answer = client.get("/ready")
            if answer.status_code == 503:
                codes.add(answer.json()["error"]["code"])
                messages.add(answer.json()["error"]["message"].partition(";")[0])
            return answer.status_code == 200

        until(lambda: held.default.state == "opening", "it is being opened")
        look()
        assert codes == {"model_loading"}
        opening.failures += [ModelUnavailable("no network")] * 100
        opening.may_open.set()
        until(lambda: look() or "model_unavailable" in codes, "the failure is told")
        assert any(m.startswith("The model 'base' could not be downloaded") for m in messages)
        refused = client.post("/v1/audio/transcriptions", **FORM)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "model_unavailable"
        assert int(refused.headers["retry-after"]) > 0
        opening.failures.clear()
        until(look, "another try succeeded")
        assert running.wait(job["id"])["status"] == "completed"


def test_a_request_that_waits_is_told_to_come_back_when_the_model_cannot_be_loaded(start: Start):
    opening = PlantedOpening("base", *[EngineFailed("killed")] * 1000, is_held=True)
    running = start(engines=pool_of(opening))
    answer = answer_of_a_request_that_waits(running, opening)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "model_unavailable"
    assert "x-should-retry" not in answer.headers


def test_jobs_taken_before_the_model_survive_a_restart(start: Start, tmp_path: Path):
    with ExitStack() as stack:
        opening = PlantedOpening("base", is_held=True)
        running = start(engines=pool_of(opening), until=stack)
        with running.client() as client:
            job = submit(client, SOUND).json()["id"]
    opening.may_open.set()
    running = start(engines=pool_of(PlantedOpening("base")))
    assert running.wait(job)["status"] == "completed"


def test_jobs_of_a_model_that_is_served_no_more_go_to_the_default(start: Start):
    with ExitStack() as stack:
        opening = PlantedOpening("base", is_held=True)
        running = start(engines=pool_of(opening), until=stack)
        with running.client() as client:
            job = submit(client, SOUND).json()["id"]
    opening.may_open.set()
    running = start(engines=pool_of(PlantedOpening("turbo")))
    ended = running.wait(job)
    assert (ended["status"], ended["model"]) == ("completed", "turbo")


def command(folder: Path, **settings: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "LONGFORM_DATA_DIR": str(folder), "LONGFORM_PORT": "0", **settings}
    return [sys.executable, "-m", "app"], environment


@pytest.mark.slow
def test_a_damaged_model_ends_the_process_and_keeps_the_jobs(tmp_path: Path):
    """The port is open when that is found out; it ends with exit code 2 and one sentence."""
    damaged = tmp_path / "model.pt"
    damaged.write_bytes(b"no checkpoint")
    arguments, environment = command(tmp_path / "data", LONGFORM_MODEL=str(damaged))
    ended = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        env=environment,
        timeout=110,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 2
    *log, last = ended.stderr.splitlines()
    assert last.startswith("longform: model.pt ")
    assert any("listens on http://127.0.0.1:" in json.loads(line)["message"] for line in log)


def test_a_terminal_gets_one_plain_line_with_the_address(tmp_path: Path):
    """Where no person looks it is JSON: tests/app/test_process.py."""
    arguments, environment = command(tmp_path, LONGFORM_MODEL="demo")
    theirs, ours = pty.openpty()
    process = subprocess.Popen(arguments, env=environment, stdout=ours, stderr=ours, cwd=ROOT)
    os.close(ours)
    shown = b""
    while b"listens on" not in shown or not shown.endswith(b"\n"):
        shown += os.read(theirs, 1000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.close(theirs)
    lines = shown.decode().splitlines()
    assert any(line.startswith(ADDRESS) for line in lines), lines
    assert not any(line.startswith("{") for line in lines), lines


def test_make_serve_leaves_the_address_to_the_settings():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\nserve:")[2].splitlines()[1]
    assert recipe.split()[-2:] == ["-m", "app"]
