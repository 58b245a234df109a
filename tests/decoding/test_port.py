"""What every `Decoder` promises, whoever implements it."""

from __future__ import annotations

import pytest

from app.storage.asked_clips import WorkerCard
from app.workers.queue_decoder import QueueDecoder
from decoding.engine.engine import Engine
from decoding.errors import EngineFailed
from decoding.process.engine_process import EngineProcess
from decoding.process.replicas import ReplicaSet
from decoding.types import DecodingOptions
from tests.app.workers.planted_clips import PlantedClips
from tests.decoding.fakes import CARD, Summing, clip


@pytest.mark.parametrize("kind", ["engine", "process", "cluster", "workers"])
def test_a_closed_engine_says_so_in_one_way(kind, small):
    if kind == "engine":
        decoder = Engine(small, slots=1, threads=1)
    elif kind == "workers":
        decoder = QueueDecoder(PlantedClips(), [WorkerCard(CARD, 1)], lease_seconds=15.0)
    else:
        process = EngineProcess(Summing)
        decoder = process if kind == "process" else ReplicaSet([process])
    decoder.close()
    with pytest.raises(EngineFailed):
        decoder.submit(clip(1), DecodingOptions(language="en"))
    decoder.close()
