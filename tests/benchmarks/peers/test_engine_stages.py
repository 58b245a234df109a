from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers.engine_stages import STAGES, engine_stages
from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.types import Clip, DecodingOptions

OPTIONS = DecodingOptions(language="en", beam_size=2, temperatures=(0.0,), sample_len=8)


def functions() -> list[object]:
    return [getattr(owner, name) for _, owner, name in STAGES]


def test_every_stage_of_a_real_engine_takes_time(tmp_path: Path) -> None:
    """Of a toy: what it hears is nothing, but it goes through all of them."""
    engine = Engine(load_model(str(random_checkpoint("toy", tmp_path))), slots=1, threads=1)
    try:
        before, (samples,) = functions(), sound.windows(1)
        with engine_stages() as seconds:
            engine.submit(Clip(samples), OPTIONS).result()
        assert list(seconds) == ["log-mel", "encoder and prompt", "steps", "word timing"]
        assert all(each > 0 for each in seconds.values())
        assert functions() == before
        held = dict(seconds)
        engine.submit(Clip(samples), OPTIONS).result()
        assert seconds == held
    finally:
        engine.close()


def test_functions_come_back_after_an_error() -> None:
    before = functions()
    with pytest.raises(ValueError, match="decoding"), engine_stages():
        raise ValueError("decoding")
    assert functions() == before
