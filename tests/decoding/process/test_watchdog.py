from __future__ import annotations

import pytest

from decoding.process.watchdog import Patience, Watchdog
from decoding.types import EngineStatistics

PATIENCE = Patience(longest=100.0, least=10.0, times=5.0, tick=1.0)


def steps(count: int) -> EngineStatistics:
    return EngineStatistics(steps=count)


def waits(dog: Watchdog, *, has_work: bool = True) -> int:
    """Ticks until the engine is taken for stuck."""
    return next(n for n in range(1, 1000) if dog.passed(1.0, has_work=has_work))


def test_an_engine_that_has_finished_nothing_gets_the_longest_time():
    dog = Watchdog(PATIENCE)
    dog.told(steps(1))
    assert waits(dog) == 101


def test_answers_that_repeat_a_count_are_no_progress():
    dog = Watchdog(PATIENCE)
    dog.finished()
    dog.told(steps(7))
    for _ in range(10):
        assert not dog.passed(1.0, has_work=True)
        dog.told(steps(7))
    assert dog.passed(1.0, has_work=True)


def test_a_slow_pace_gives_more_time_up_to_the_longest():
    dog = Watchdog(PATIENCE)
    dog.told(steps(1))
    for _ in range(8):
        dog.passed(1.0, has_work=True)
    dog.told(steps(2))
    dog.finished()
    assert dog.limit == 40.0
    for _ in range(39):
        dog.passed(1.0, has_work=True)
    dog.told(steps(3))
    assert dog.limit == 100.0
    dog.restarted()
    assert waits(dog) == 101


def test_idle_time_does_not_count():
    dog = Watchdog(PATIENCE)
    dog.finished()
    assert not any(dog.passed(1.0, has_work=False) for _ in range(1000))
    assert waits(dog) == 11


def test_a_parent_that_was_stopped_itself_blames_nobody():
    """As when a machine sleeps: an hour went by, and nobody looked."""
    dog = Watchdog(PATIENCE)
    dog.finished()
    assert not dog.passed(3600.0, has_work=True)


def test_patience_is_above_nothing():
    with pytest.raises(ValueError, match="above 0"):
        Patience(longest=0.0)
