"""The load at a small scale: what it counts is right, and it can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import fairness
from benchmarks.speed.fairness import Load, Share


def test_requests_are_the_same_always_and_as_long_as_told() -> None:
    requests = fairness.made_up_requests()
    assert requests == fairness.made_up_requests()
    assert len(requests) == 200
    assert sum(request.is_short for request in requests) == 180
    assert max(len(request.windows) for request in requests if request.is_short) <= 3
    assert [len(r.windows) for r in requests].count(72) == 4
    assert [request.is_short for request in requests[:20]] != [True] * 20


def test_figures_of_a_load() -> None:
    load = Load(200, 650, 0, short_median=2.0, short_median_in_turn=8.0, longest=9.0,
                longest_in_turn=9.0)  # fmt: skip
    assert load.ratio == 0.25
    share = Share(long_windows=10, all_windows=180, groups=9)
    assert share.fair_shares == 2.0
    lines = fairness.told(load, share)
    assert "0 differ" in lines[0]
    assert "2.00 times its fair share" in lines[-1]


@pytest.mark.slow
def test_requests_that_meet_give_what_they_give_alone(tmp_path: Path) -> None:
    requests = fairness.made_up_requests(((6, 40.0), (1, 130.0)))
    load = fairness.meet(requests, tmp_path)
    assert (load.requests, load.differing) == (7, 0)
    assert load.windows == sum(len(request.windows) for request in requests)
