"""The load at a small scale: what it counts is right, and it can fail."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future
from pathlib import Path

import pytest

from benchmarks.speed import fairness
from benchmarks.speed.fairness import Load, Share
from decoding.types import Decoded
from tests.decoding.fakes import decoded


def test_requests_are_the_same_always_and_as_long_as_told() -> None:
    requests = fairness.made_up_requests()
    assert requests == fairness.made_up_requests()
    assert len(requests) == 200
    assert sum(request.is_short for request in requests) == 180
    assert max(len(request.windows) for request in requests if request.is_short) <= 3
    assert [len(r.windows) for r in requests].count(67) == 4
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


def test_turns_beside_endless_short_requests_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes the long one's windows and short ones by turns, one with every wait."""
    long: list[Future[Decoded]] = [Future() for _ in range(3)]
    short: list[Future[Decoded]] = []
    waits = 0

    def submit(number: int) -> Future[Decoded]:
        assert number == len(short)
        short.append(Future())
        return short[-1]

    def turn(waiting: set[Future[Decoded]], return_when: str) -> tuple[set[Future[Decoded]], None]:
        nonlocal waits
        assert return_when == FIRST_COMPLETED
        assert not any(future.done() for future in waiting)  # or it would return at once, for ever
        assert len(waiting) == fairness.SHORT_AT_ONCE + len(long) - (waits + 1) // 2
        taken = long[waits // 2] if waits % 2 == 0 else short[waits // 2]
        taken.set_result(decoded("heard"))
        waits += 1
        return {taken}, None

    monkeypatch.setattr(fairness, "wait", turn)
    share = fairness._share_of(long, submit)
    assert waits == 5
    assert share == Share(3, 5, fairness.SHORT_AT_ONCE + 1)
    assert len(short) == fairness.SHORT_AT_ONCE + 2


@pytest.mark.slow
def test_a_long_request_has_its_share(tmp_path: Path) -> None:
    """Counted in turns of the engine, whatever they take."""
    share = fairness.share_of_the_long(tmp_path, long_windows=4)
    assert share.long_windows == 4
    assert 0 < share.fair_shares <= 3.0


@pytest.mark.slow
def test_requests_that_meet_give_what_they_give_alone(tmp_path: Path) -> None:
    requests = fairness.made_up_requests(((6, 40.0), (1, 130.0)))
    load = fairness.meet(requests, tmp_path)
    assert (load.requests, load.differing) == (7, 0)
    assert load.windows == sum(len(request.windows) for request in requests)
