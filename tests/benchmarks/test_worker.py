from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import PeerSpec
from benchmarks.worker import ABANDONED, UNAVAILABLE, Job, work


@pytest.fixture
def job(tmp_path: Path, make_sound, speech_server: str) -> Job:
    items = tuple(
        Item(name, (AudioPart(make_sound(tmp_path / f"{name}.wav")),), "hello")
        for name in ("one", "broken")
    )
    targets = tuple(tmp_path / "out" / f"{item.name}.json" for item in items)
    return Job(PeerSpec(speech_server), items, targets, tmp_path / "sound")


def test_work_tells_and_writes(job: Job) -> None:
    told = io.StringIO()
    assert work(Job.from_json(job.to_json()), told) == 0
    events = [json.loads(line) for line in told.getvalue().splitlines()]
    assert [e["event"] for e in events] == ["opened", "started", "done", "started", "done"]
    assert events[2]["error"] is None
    assert "HTTP 400" in events[4]["error"]
    assert json.loads(job.targets[0].read_text())["heard"]["text"] == "hello there world"
    assert "heard" not in json.loads(job.targets[1].read_text())


def test_a_recogniser_that_is_not_there(job: Job) -> None:
    told = io.StringIO()
    away = Job(PeerSpec("http://127.0.0.1:9/v1"), job.items, job.targets, job.sound_folder)
    assert work(away, told) == UNAVAILABLE
    assert json.loads(told.getvalue())["event"] == "unavailable"


def test_a_worker_ends_with_its_runner(tmp_path: Path, make_sound, speech_server: str) -> None:
    item = Item("slow", (AudioPart(make_sound(tmp_path / "slow.wav")),), "hello")
    target = tmp_path / "out.json"
    job = Job(PeerSpec(speech_server), (item,), (target,), tmp_path / "sound", warm_up=False)
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker.stdout:
        worker.stdin.write(json.dumps(job.to_json()) + "\n")
        worker.stdin.flush()
        events = [json.loads(worker.stdout.readline())["event"] for _ in range(2)]
        assert events == ["opened", "started"]
        worker.stdin.close()  # as when the runner is killed
        assert worker.wait(60) == ABANDONED
    assert not target.exists()
