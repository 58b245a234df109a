"""`longform bulk --ray` on three nodes: actors and runs killed, nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from bulk.cluster_actor import ENTRY, LINE, STOPPED, ActorWork, TranscribingActor, packed
from bulk.manifest import Line
from decoding.errors import ModelUnreadable
from tests.bulk.planted_manifest import check, write_manifest
from tests.bulk.test_kills import FAILED, Run
from tests.decoding.cluster.three_nodes import Nodes, only_by_night, three_nodes
from tests.planted import PlantedDecoder, plant, text_of, write_wav
from transcription.audio import AudioLimits
from transcription.options import SpeechOptions, TranscriptionOptions
from transcription.outward import Reach
from transcription.sound_download import DownloadLimits

ACTOR = b"TranscribingActor"  # in the name of its process
OPTIONS = TranscriptionOptions(speech=SpeechOptions(skip_silence=False))


def batch_of(*lines: Line) -> dict[str, np.ndarray]:
    return {LINE: np.array([packed(line)[LINE] for line in lines])}


def actor_on(folder: Path, factory) -> TranscribingActor:
    (folder / "out" / ".partial").mkdir(parents=True)
    download = DownloadLimits(Reach(), 1 << 20)
    given = ActorWork(factory, OPTIONS, AudioLimits(), download, str(folder / "out"), at_once=2)
    return TranscribingActor(given)


def test_an_actor_answers_every_line(tmp_path: Path):
    there = Line(1, "a", "a.wav", str(write_wav(tmp_path / "a.wav", plant(4))))
    missing = Line(2, "b", "b.wav", str(tmp_path / "b.wav"))
    rows = actor_on(tmp_path, PlantedDecoder)(batch_of(there, missing))
    entries = [json.loads(text) for text in rows[ENTRY]]
    assert [entry["line"] for entry in entries] == [1, 2]
    assert [entry["error_code"] for entry in entries] == [None, "audio_not_found"]
    result = json.loads((tmp_path / "out" / entries[0]["result"]).read_text("utf-8"))
    assert result["text"] == text_of(4)
    assert not any(rows[STOPPED])


def test_an_actor_without_an_engine_stops_the_run(tmp_path: Path):
    def factory():
        raise ModelUnreadable("this is no model")

    rows = actor_on(tmp_path, factory)(batch_of(Line(1, "a", "a.wav", "a.wav")))
    assert rows[STOPPED].tolist() == ["ModelUnreadable: this is no model"]


class ClusterRuns(Run):
    """`longform bulk --ray` on three nodes."""

    def __init__(self, folder: Path, nodes: Nodes) -> None:
        super().__init__(folder)
        self._nodes = nodes
        way = nodes.connection
        self._command += ["--ray", way.address, "--at-once", "2"]
        token = {"LONGFORM_RAY_TOKEN_FILE": str(way.token_file)}
        self.environment = {**token, "LONGFORM_RAY_GPUS": "0", "LONGFORM_RAY_REPLICAS": "3"}

    def kill_an_actor(self) -> None:
        while not (actors := self._nodes.processes(ACTOR)):
            time.sleep(0.02)
        os.kill(actors[0], signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_killed_actors_and_a_killed_run(tmp_path: Path, request: pytest.FixtureRequest):
    """`--night 1`: 10,000 lines and 20 kills, half of them of the whole run."""
    only_by_night(request)
    night: float = request.config.getoption("--night")
    lines, kills = round(10_000 * night), max(2, round(20 * night))
    expected = write_manifest(tmp_path, lines, poison=3)
    chance = random.Random(3)
    moments = sorted(chance.sample(range(1, lines * 8 // 10), kills))
    with three_nodes() as nodes:
        run = ClusterRuns(tmp_path, nodes)
        run.start()
        for number, moment in enumerate(moments):
            while run.results < moment and run.is_running:
                time.sleep(0.05)
            assert run.is_running
            if number % 2:
                run.kill()
                run.start()
            else:
                run.kill_an_actor()
        assert run.wait() == FAILED
    check(run.output, expected)
