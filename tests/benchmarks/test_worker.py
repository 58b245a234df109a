"""The inside and the outside of a worker, against a small real server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import measurement
from benchmarks.items import AudioPart, Item
from benchmarks.peers.types import PeerSpec
from benchmarks.worker import ABANDONED, serve
from benchmarks.worker_process import Worker, WorkFailed


@pytest.fixture
def items(tmp_path: Path, make_sound) -> list[Item]:
    return [
        Item(name, (AudioPart(make_sound(tmp_path / f"{name}.wav")),), "hello")
        for name in ("one", "broken", "slow")
    ]


def opening(tmp_path: Path, server: str) -> dict[str, object]:
    sound = str(tmp_path / "sound")
    work = {"spec": PeerSpec(server).to_json(), "sound_folder": sound, "warm_up": False}
    return {"opener": measurement.OPENER, "work": work}


def told(*requests: object) -> list[dict]:
    report = io.StringIO()
    serve(iter(requests), report)
    return [json.loads(line) for line in report.getvalue().splitlines()]


def test_each_request_has_its_answer(items, tmp_path, speech_server) -> None:
    one, broken = (item.to_json() for item in items[:2])
    facts, heard, failed = (
        t["answer"] for t in told(opening(tmp_path, speech_server), one, broken)
    )
    assert facts["settings"]["address"] == speech_server
    assert heard["error"] is None
    assert heard["heard"]["text"] == "hello there world"
    assert "HTTP 400" in failed["error"]
    assert "heard" not in failed


def test_a_recogniser_that_is_not_there(tmp_path: Path) -> None:
    (only,) = told(opening(tmp_path, "http://127.0.0.1:9/v1"), {"never": "asked"})
    assert only["problem"].startswith("nothing answers")


def test_what_stumbles_says_what_its_error_was(tmp_path, speech_server) -> None:
    assert told(opening(tmp_path, speech_server), {})[-1]["problem"].startswith("KeyError")
    (only,) = told({"opener": "benchmarks.measurement:no_such", "work": {}})
    assert only["problem"].startswith("AttributeError")


def test_a_worker_ends_with_its_runner(items, tmp_path, speech_server) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker.stdout:
        for asked in (opening(tmp_path, speech_server), items[2].to_json()):
            worker.stdin.write(json.dumps(asked) + "\n")
        worker.stdin.flush()
        assert "answer" in json.loads(worker.stdout.readline())
        worker.stdin.close()  # as when the runner is killed
        assert worker.wait(60) == ABANDONED


TALKER = """
import os, sys
class Talker:
    facts = {"threads": os.environ["OMP_NUM_THREADS"]}
    def answer(self, asked):
        print("a library greets")
        if asked == "die":
            sys.stderr.write("out of memory")
            sys.stderr.flush()
            os._exit(9)
        while asked == "dawdle":
            pass
        return [asked, sys.stdin.read()]
    def close(self):
        sys.stderr.write("closed")
"""


@pytest.fixture
def talker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "talker.py").write_text(TALKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "logs" / "talker.log"
    worker = Worker(log=log, environment={"OMP_NUM_THREADS": "3"}, patience=60.0)
    yield worker, log
    worker.close()


def test_whatever_libraries_print_or_read_the_pipes_are_ours(talker) -> None:
    worker, log = talker
    assert worker.open("talker:Talker", {}) == {"threads": "3"}
    assert worker.ask("hello") == ["hello", ""]
    worker.close()
    assert log.read_text().split() == ["a", "library", "greets", "closed"]


def test_a_process_that_dies_says_what_it_complained_of_last(talker) -> None:
    worker, _ = talker
    worker.open("talker:Talker", {})
    with pytest.raises(WorkFailed, match=r"^its process ended with 9: .*out of memory"):
        worker.ask("die")
    with pytest.raises(WorkFailed, match="ended with 9"):
        worker.ask("hello")


def test_patience_ends(talker) -> None:
    worker, _ = talker
    worker.open("talker:Talker", {})
    worker._patience = 0.2
    with pytest.raises(WorkFailed, match=r"it gave nothing for 0\.2 s"):
        worker.ask("dawdle")
