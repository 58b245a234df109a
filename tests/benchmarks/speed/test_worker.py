"""Whole files in a real process, by a small real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed.types import FileWork
from benchmarks.speed.worker import run, start
from benchmarks.worker_process import WorkFailed


def file_work(kind: str, audio: Path) -> FileWork:
    return FileWork(kind, "any", "cpu", "auto", 1, 1, threads=1, audio=str(audio))


def test_a_file_is_heard_as_often_as_it_is_asked(tmp_path, make_sound, speech_server) -> None:
    worker = start(file_work(speech_server, make_sound(tmp_path / "one.wav")))
    try:
        first, second = run(worker), run(worker)
    finally:
        worker.close()
    assert first.done == second.done
    assert (list(first.done.answers), first.done.audio_seconds) == (["hello there world"], 0.5)
    assert first.peak_memory > 1e7
    assert first.peak_device_memory is None
    assert first.cpu >= 0.0
    assert first.wall > 0.0


def test_what_stumbles_in_its_first_run_is_not_opened(tmp_path, make_sound, speech_server) -> None:
    with pytest.raises(WorkFailed, match="RuntimeError: HTTP 400"):
        start(file_work(speech_server, make_sound(tmp_path / "broken.wav")))
