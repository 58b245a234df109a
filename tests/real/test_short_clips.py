"""Clips of which a part of the text is needed: the silence behind them is heard coarsely."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.scoring import pool, score
from decoding.types import SAMPLE_RATE, Clip, DecodingOptions
from tests.real.official import window_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_coarse_silence_changes_less_than_a_frame_of_delay(base):
    """The texts of nine clips against those of whole windows."""
    options, coarse, delayed = DecodingOptions(language="en"), [], []
    for start in (10.0, 30.0, 90.0):
        for seconds in (4.0, 7.0, 11.0):
            samples = window_of("human/us-weekly-address/address.mp3", start)
            samples = samples[: int(seconds * SAMPLE_RATE)]
            late = np.concatenate([np.zeros(SAMPLE_RATE // 50, samples.dtype), samples])
            clips = Clip(samples), Clip(samples, needed_until=30.0), Clip(late)
            whole, found, other = (base.engine.submit(one, options).result().text for one in clips)
            coarse.append(score(whole, found))
            delayed.append(score(whole, other))
    assert pool(delayed).reference_length > 140
    assert 2 * pool(coarse).errors < pool(delayed).errors, (pool(coarse), pool(delayed))
