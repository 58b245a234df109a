from __future__ import annotations

import time

import pytest

from benchmarks.speed import cluster_hosts
from benchmarks.speed.cluster import Scaled, cells, measure
from benchmarks.speed.timed_engine import TimedEngine, digest_of
from decoding.types import DecodingOptions
from tests.decoding.cluster.three_nodes import only_by_night
from tests.decoding.fakes import clip


def test_a_window_takes_its_time_and_as_many_at_once_as_there_are_slots():
    engine = TimedEngine(0.1, slots=2)
    began = time.monotonic()
    clips = [clip(value) for value in range(6)]
    futures = [engine.submit(one, DecodingOptions()) for one in clips]
    assert [future.result().text for future in futures] == [digest_of(one) for one in clips]
    assert time.monotonic() - began >= 0.3
    assert engine.statistics().slots == 2
    assert engine.statistics().windows_decoded == 6
    engine.close()


def test_efficiency_is_of_the_time_that_the_engines_alone_would_take():
    first = Scaled((2,), 160, 25.0, 20.0, 0, "nodes")
    row = Scaled((2, 2), 320, 40.0, 20.0, 1, "nodes")
    assert cells(row, first) == ["2", "4", "320", "1", "40.0", "20.0", "50%", "62%"]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("in_namespaces", [False, True])
def test_hosts_answer_every_window(
    in_namespaces: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    only_by_night(request)
    if in_namespaces and not cluster_hosts.can_make_namespaces():
        pytest.skip("this machine lets us make no network namespaces")
    monkeypatch.setattr(cluster_hosts, "can_make_namespaces", lambda: in_namespaces)
    (row,) = measure([(1, 1)], seconds=0.2, slots=2, rounds=5)
    assert row.kind == ("network namespaces" if in_namespaces else "nodes on one host")
    assert (row.windows, row.wrong) == (20, 0)
    assert row.seconds >= row.least
