from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.engine_stages import STAGES, EngineSeconds, engine_stages
from benchmarks.speed.sizes import random_checkpoint
from benchmarks.speed.systems import sound
from chunking.types import Window
from decoding.engine.engine import Engine
from decoding.loading.loader import load_model
from decoding.types import SAMPLE_RATE, Clip, DecodingOptions

OPTIONS = DecodingOptions(language="en", beam_size=2, temperatures=(0.0,), sample_len=8)
SECOND = np.zeros(SAMPLE_RATE, np.int16)


def functions() -> list[object]:
    return [getattr(stage.owner, stage.function) for stage in STAGES]


def test_every_stage_and_clip_of_a_real_engine_takes_time(tmp_path: Path) -> None:
    """Of a toy: what it hears is nothing, but it goes through all of them."""
    engine = Engine(load_model(str(random_checkpoint("toy", tmp_path))), slots=2, threads=1)
    try:
        before, (samples,) = functions(), sound.windows(1)
        clips = [Clip(samples), Clip(samples[: 20 * SAMPLE_RATE], start=30.0)]
        with engine_stages() as found:
            for future in [engine.submit(clip, OPTIONS) for clip in clips]:
                future.result()
        assert list(found.by_stage) == ["log-mel", "encoder and prompt", "steps", "word timing"]
        assert all(seconds > 0 for seconds in found.by_stage.values())
        assert sorted(found.by_clip) == [(0.0, 30.0), (30.0, 20.0)]
        assert sum(found.by_clip.values()) == pytest.approx(sum(found.by_stage.values()), rel=0.02)
        assert functions() == before
        held = dict(found.by_stage)
        engine.submit(clips[0], OPTIONS).result()
        assert found.by_stage == held
    finally:
        engine.close()


def test_seconds_of_windows_are_those_of_their_clips() -> None:
    found = EngineSeconds({"steps": 0.0})
    first, second = Clip(SECOND, start=1.0), Clip(SECOND, start=2.0)
    found.add("steps", [first], 3.0)
    found.add("steps", [first, second], 4.0)
    found.add("steps", [], 0.5)
    assert found.by_stage == {"steps": 7.5}
    assert found.of([Window(7, 1.0, 2.00003, "gap")]) == 5.0
    assert found.of([Window(7, 1.0, 2.0, "gap"), Window(8, 1.0, 2.0, "gap")]) == 5.0
    assert found.of([Window(0, 1.0, 2.5), Window(1, 1.5, 2.5)]) == 0.0
    assert found.of([]) == 0.0


def test_functions_come_back_after_an_error() -> None:
    before = functions()
    with pytest.raises(ValueError, match="decoding"), engine_stages():
        raise ValueError("decoding")
    assert functions() == before
