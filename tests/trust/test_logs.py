"""Whatever happens, the logs say nothing of what was sent and heard."""

from __future__ import annotations

import io
import json
import logging
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engines.opening import ModelOpening
from app.logs import JsonLines, log_to_stderr
from app.settings import Settings
from decoding.errors import EngineFailed
from tests.app.calls import submit, until
from tests.app.conftest import Running, Start
from tests.app.planted import PlantedDecoder, engine_failure, text_of, transcribe_plainly, wav

SOUND = wav(40, seed=77)
NAME = "unspoken-name-of-a-patient"
PROMPT = "unspoken prompt of a patient"
WORDS = "unspoken-hotword"
KEY = "unspoken-idempotency-key"
FIELDS = {"prompt": PROMPT, "hotwords": WORDS}
SECRETS = ("unspoken", *text_of(SOUND).split())
UPLOAD = {"files_name": (f"{NAME}.wav", SOUND), "data": FIELDS}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the process logs, as the service writes it."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    yield log
    root.removeHandler(handler)
    root.setLevel(level)


def strange(*_: Any, **__: Any) -> Any:
    """A pipeline that falls over the prompt."""
    raise ValueError(f"cannot read {PROMPT!r} of {NAME}")


def attack_requests(client: httpx.Client) -> None:
    """Forms and addresses that are wrong in every way that a text can be."""
    form = {"files": {"file": (f"{NAME}.wav", SOUND)}}
    for wrong in (
        {"model": f"{PROMPT}"},
        {"model": "whisper-1", "language": WORDS},
        {"model": "whisper-1", "temperature": WORDS},
        {"model": "whisper-1", "response_format": WORDS, **FIELDS},
        {"model": "whisper-1", "timestamp_granularities[]": PROMPT},
    ):
        assert client.post("/v1/audio/transcriptions", data=wrong, **form).is_client_error
    params = {"filename": NAME, "prompt": PROMPT, "language": WORDS}
    assert client.put("/v1/jobs", content=SOUND, params=params).is_client_error
    assert client.get(f"/{NAME}").is_client_error
    assert client.get(f"/v1/jobs/{NAME}", params={"prompt": PROMPT}).is_client_error
    cut = f'--b\r\nContent-Disposition: form-data; name="{NAME}"\r\n{PROMPT}'
    content = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Authorization": f"Bearer {WORDS}",
    }
    assert client.post("/v1/jobs", content=cut, headers=content).is_client_error


def break_database(running: Running, folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "longform.db") as broken:
        broken.execute(statement)
    broken.close()


@pytest.mark.parametrize("how", ["well", "engine", "pipeline", "options", "database"])
def test_a_hostile_run_leaves_no_content_in_the_logs(
    start: Start, tmp_path: Path, log: io.StringIO, capfd: pytest.CaptureFixture[str], how: str
):
    decoder = PlantedDecoder(fail=engine_failure if how == "engine" else lambda _count: None)
    pipeline = strange if how == "pipeline" else transcribe_plainly
    running = start(decoder, pipeline, running_jobs=1, step_attempts=1)
    with running.client() as client:
        if how == "database":
            break_database(running, tmp_path, "ALTER TABLE longform_jobs RENAME TO away")
            headers = {"Idempotency-Key": KEY}
            assert submit(client, **UPLOAD, headers=headers).status_code == 500
            break_database(running, tmp_path, "ALTER TABLE away RENAME TO longform_jobs")
        if how == "options":
            break_database(
                running,
                tmp_path,
                "CREATE TRIGGER spoil AFTER INSERT ON longform_jobs BEGIN UPDATE longform_jobs "
                f'SET options = \'{{"decoding": {{"beam_size": "{PROMPT}"}}}}\'; END',
            )
        job = submit(client, **UPLOAD, headers={"Idempotency-Key": KEY}).json()["id"]
        status = running.wait(job)["status"]
        assert status == ("completed" if how in {"well", "database"} else "failed")
        attack_requests(client)
        with running.client() as other:  # a mistake of ours closes its connection
            other.get(f"/v1/jobs/{job}/transcript")
        client.delete(f"/v1/jobs/{job}")
        until(lambda: running.service.folders.names() == [], "all is deleted")
    told = log.getvalue()
    assert "job ended" in told
    assert ("exception" in told) == (how != "well")  # the test looks where something was said
    printed = capfd.readouterr()
    for secret in SECRETS:
        assert secret not in told
        assert secret not in printed.out + printed.err


def test_a_thread_that_ends_badly_is_logged_as_all_else(capfd: pytest.CaptureFixture[str]):
    before, root = threading.excepthook, logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        log_to_stderr()
        thread = threading.Thread(target=strange)
        thread.start()
        thread.join()
        root.handlers[0].flush()
    finally:
        threading.excepthook = before
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
    told = capfd.readouterr().err
    assert "ValueError: (words withheld)" in told
    assert "unspoken" not in told


IN_AN_ENGINE_PROCESS = """
import logging, pickle, sys, threading, warnings
from decoding.errors import EngineFailed
from transcription import models

def strange(*_):
    raise ValueError("cannot read unspoken words")

def noisy(*_):
    warnings.warn("strange weights")
    thread = threading.Thread(target=strange)
    thread.start()
    thread.join()
    try:
        strange()
    except ValueError:
        logging.getLogger("decoding.engine").exception("decoding failed\\non cpu")
    raise EngineFailed("of the test")

models.open_engine = noisy
try:
    pickle.load(sys.stdin.buffer)()
except EngineFailed:
    pass
"""


def test_an_engine_process_logs_as_the_service_does(monkeypatch: pytest.MonkeyPatch):
    """What the service has its engine processes do, done by one in which all sorts go wrong."""
    factories: list[Any] = []

    class Refusing:
        def __init__(self, factory: Any, **_: Any) -> None:
            factories.append(factory)
            raise EngineFailed("not opened in this process")

    monkeypatch.setattr("transcription.models.EngineProcess", Refusing)
    with pytest.raises(EngineFailed):
        ModelOpening(Settings(model="demo"), threading.Event())(lambda _progress: None)
    command = [sys.executable, "-c", IN_AN_ENGINE_PROCESS]
    ended = subprocess.run(command, input=pickle.dumps(factories[0]), capture_output=True)
    told = [json.loads(line) for line in ended.stderr.decode().splitlines()]
    assert ended.returncode == 0
    assert [line["logger"] for line in told] == ["py.warnings", "app.logs", "decoding.engine"]
    assert told[2]["message"] == "decoding failed\non cpu"
    assert "unspoken" not in ended.stderr.decode()


def test_what_an_error_came_from_is_told_too():
    try:
        try:
            raise KeyError(PROMPT)
        except KeyError as error:
            raise RuntimeError("of the code") from error
    except RuntimeError as error:
        line = JsonLines().formatException((type(error), error, error.__traceback__))
    assert "RuntimeError: of the code" in line
    assert "KeyError: (words withheld)" in line
    assert "test_logs.py" in line
    assert PROMPT not in line
