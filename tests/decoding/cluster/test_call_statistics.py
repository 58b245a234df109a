from __future__ import annotations

from dataclasses import replace

from decoding.cluster.call_statistics import CallStatistics
from decoding.types import Attempt
from tests.decoding.fakes import clip, decoded

POOR = Attempt(0.0, -2.0, 1.0, "improbable")


def test_it_counts_its_own_clips():
    statistics = CallStatistics(slots=8, running=2)
    good = decoded("heard")
    statistics.note(clip(1, length=16_000), good)
    statistics.note(clip(1, length=8_000), replace(good, attempts=(POOR, *good.attempts)))
    total = statistics.total(under_way=20, steps=5)
    assert (total.windows_decoded, total.windows_retried, total.tokens_decoded) == (2, 1, 6)
    assert (total.audio_seconds, total.steps) == (1.5, 5)
    assert (total.slots, total.slots_in_use, total.queued) == (16, 16, 4)


def test_slots_are_those_of_replicas_that_run_and_of_its_share():
    statistics = CallStatistics(slots=8, running=3, share=0.5)
    assert statistics.total(under_way=5, steps=0).slots == 12
    statistics.note_running(1)
    total = statistics.total(under_way=5, steps=0)
    assert (total.slots, total.slots_in_use, total.queued) == (4, 4, 1)
