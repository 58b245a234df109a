"""What every `Decoder` promises, whoever implements it."""

from __future__ import annotations

import pytest

from decoding.engine.engine import Engine
from decoding.errors import EngineFailed
from decoding.process.engine_process import EngineProcess
from decoding.process.replicas import ReplicaSet
from decoding.types import DecodingOptions
from tests.decoding.fakes import Summing, clip


@pytest.mark.parametrize("kind", ["engine", "process", "cluster"])
def test_a_closed_engine_says_so_in_one_way(kind, small):
    if kind == "engine":
        decoder = Engine(small, slots=1, threads=1)
    else:
        process = EngineProcess(Summing)
        decoder = process if kind == "process" else ReplicaSet([process])
    decoder.close()
    with pytest.raises(EngineFailed):
        decoder.submit(clip(1), DecodingOptions(language="en"))
    decoder.close()
