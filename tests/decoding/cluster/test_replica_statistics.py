from __future__ import annotations

from decoding.cluster.replica_statistics import FRESH_SECONDS, ReplicaStatistics
from decoding.types import EngineStatistics


def test_counters_are_of_all_and_gauges_of_those_heard_of():
    now = [0.0]
    statistics = ReplicaStatistics(slots=8, running=2, clock=lambda: now[0])
    for name in ("a", "b"):
        told = EngineStatistics(slots=8, slots_in_use=3, queued=1, windows_decoded=10, deaths=1)
        statistics.note(name, told)
    total = statistics.total(steps=5)
    assert (total.slots, total.slots_in_use, total.queued) == (16, 6, 2)
    assert (total.windows_decoded, total.deaths, total.steps) == (20, 2, 5)
    now[0] = FRESH_SECONDS + 1
    statistics.note("b", EngineStatistics(slots=8, slots_in_use=1, windows_decoded=11))
    statistics.note_running(1)
    total = statistics.total(steps=6)
    assert (total.slots, total.slots_in_use, total.queued) == (8, 1, 0)
    assert total.windows_decoded == 21


def test_slots_are_known_before_the_first_answer():
    assert ReplicaStatistics(slots=8, running=3).total(steps=0).slots == 24
