"""`python -m app worker` as it is run: a process with a real engine, and no folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from app.settings import Settings
from app.storage.asked_clips import AskedClips
from app.workers.opening import kind_of, open_workers
from decoding.types import FULL_SCALE, Clip, DecodingOptions
from tests.app.calls import until
from transcription.models import open_decoder

ROOT = Path(__file__).parents[3]
NOTHING = "postgresql://nobody@127.0.0.1:1/nothing"


def settings_of(url: str) -> Settings:
    return Settings(workers_url=url, model="demo", devices="cpu", threads=1, precision="fp32")


def start(url: str, folder: Path) -> subprocess.Popen[str]:
    given = {"WORKERS_URL": url, "MODEL": "demo", "DEVICES": "cpu", "THREADS": "1"}
    given |= {"PRECISION": "fp32"}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= {f"LONGFORM_{name}": value for name, value in given.items()}
    command = [sys.executable, "-m", "app", "worker"]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_worker_hears_what_an_engine_here_hears(url: str, tmp_path: Path):
    process = start(url, tmp_path)
    settings = settings_of(url)
    clips = AskedClips(url, "watcher", kind_of(settings), settings.lease_seconds)
    noise = np.random.default_rng(5)
    samples = (noise.normal(0, 0.05, 80_000) * FULL_SCALE).astype(np.int16)
    clip, options = Clip(samples, group="g", seed=3), DecodingOptions(language="en")
    there = open_workers(settings, threading.Event())
    here = open_decoder(Settings.model_construct(**settings.of_an_engine().model_dump()))
    try:
        found = there.submit(clip, options).result(120)
        assert found == here.submit(clip, options).result(120)
        assert there.model == here.model
    finally:
        there.close()
        here.close()
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 0, told
    assert '"message": "the worker takes windows", "model": "demo"' in told
    until(lambda: not clips.workers(), "it is gone at once")
    clips.close()
    assert not list(tmp_path.iterdir())


def test_a_database_that_is_not_there_is_told_in_a_sentence(tmp_path: Path):
    process = start(NOTHING, tmp_path)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert "longform: the database cannot be opened: " in told
