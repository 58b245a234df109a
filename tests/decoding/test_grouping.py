"""What is done for several windows at once, forced on the CPU: as if each were treated alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from decoding import finishing
from decoding.grouping import ALONE, TOGETHER, grouping_for
from decoding.types import Clip
from tests.decoding.alike import assert_alike
from tests.decoding.decoding_alone import decode
from tests.decoding.noise import noise
from tests.decoding.speech import window
from tests.decoding.test_batch import MIXED


@pytest.fixture(scope="module")
def mixed(small):
    """Jobs whose options all differ, and what they give, each treated alone."""
    jobs = [(at, noise(at, 10 + at), options) for at, options in enumerate(MIXED)]
    return jobs, decode(small, jobs, 8, grouping=ALONE)


@pytest.fixture
def readings(monkeypatch):
    """How many readings each call of `align` got."""
    counts, align = [], finishing.align

    def counting(model, audio, readings):
        counts.append(len(readings))
        return align(model, audio, readings)

    monkeypatch.setattr(finishing, "align", counting)
    return counts


def test_bits_on_a_cpu_do_not_depend_on_company():
    assert grouping_for(torch.device("cpu")) == ALONE
    assert grouping_for(torch.device("cuda:0")) == TOGETHER


def test_words_of_several_windows_timed_in_one_call(small, mixed, readings):
    """Eight windows of four steps are decided at once; texts differ in length."""
    jobs, _ = mixed
    jobs = [
        (key, clip, dataclasses.replace(options, sample_len=4 + key, temperatures=(0.0,)))
        for key, clip, options in jobs
    ]
    jobs += [(10 + key, clip, options) for key, clip, options in jobs]
    alone = decode(small, jobs, 16, grouping=ALONE)
    assert set(readings) == {1}
    readings.clear()
    together = decode(small, jobs, 16, grouping=dataclasses.replace(ALONE, aligned=3))
    assert 1 < max(readings) <= 3
    assert any(one.words for one in together.values())
    for key, expected in alone.items():
        assert_alike(together[key], expected)


@pytest.mark.slow
def test_words_of_speech_timed_in_one_call(demo, readings):
    """Windows of one, two and three sentences, each twice so that they are decided in pairs."""
    jobs = [(at, Clip(window(at % 3, 1 + at % 3), seed=at), MIXED[0]) for at in range(6)]
    alone = decode(demo, jobs, 6, grouping=ALONE)
    readings.clear()
    together = decode(demo, jobs, 6, grouping=dataclasses.replace(ALONE, aligned=4))
    assert max(readings) > 1
    for key, expected in alone.items():
        assert len(expected.words) > 10
        assert_alike(together[key], expected)
