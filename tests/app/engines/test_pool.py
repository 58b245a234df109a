from __future__ import annotations

import pytest

from decoding.errors import EngineAway, EngineFailed, ModelUnreadable
from tests.app.calls import until
from tests.app.engines.planted_models import PlantedOpening, pool_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(*openings: PlantedOpening, **more):
    """A pool whose models are open."""
    pool = pool_of(*openings, **more)
    for one in openings:
        pool.want(one.name)
    until(lambda: len(pool.startable()) == len(openings), "they are open")
    return pool


def test_a_pool_of_nothing():
    with pytest.raises(ValueError, match="at least one model"):
        pool_of()


def test_what_is_wanted_twice_is_opened_once():
    one = PlantedOpening("one", is_held=True)
    pool = pool_of(one, PlantedOpening("two"))
    pool.want("one")
    pool.want("one")
    assert pool.default.state == "opening"
    with pool.lease("one") as decoder:
        assert decoder is None
    one.may_open.set()
    until(lambda: pool.startable() == {"one"}, "the one that was wanted is open, and no other")
    with pool.lease("one") as decoder:
        assert decoder is one.engines[0]
        assert pool.default.users == 1
    assert pool.default.users == 0
    assert len(one.engines) == 1
    assert pool.names == ("one", "two")
    assert pool.find("three") is None


def test_an_engine_is_closed_when_idle_and_never_while_it_is_used():
    clock, one = Clock(), PlantedOpening("one")
    pool = opened(one, clock=clock, idle_seconds=10)
    with pool.lease("one"):
        clock.now = 100.0
        pool.tend()
        assert pool.default.state == "open"
    clock.now = 109.0
    pool.tend()
    assert pool.default.state == "open"
    clock.now = 110.0
    pool.tend()
    until(lambda: pool.default.state == "closed", "it is closed")
    assert pool.default.card is not None  # what it can is still known
    pool.want("one")
    until(lambda: pool.startable(), "it is open again")
    assert len(one.engines) == 2


def test_without_a_time_for_it_nothing_is_closed():
    clock = Clock()
    pool = opened(PlantedOpening("one"), clock=clock)
    clock.now = 1e9
    pool.tend()
    assert pool.default.state == "open"


def test_who_comes_while_an_engine_is_being_closed_gets_the_next():
    clock, one = Clock(), PlantedOpening("one")
    pool = opened(one, clock=clock, idle_seconds=10)
    states = []

    def close() -> None:  # somebody comes at just this moment
        pool.want("one")
        with pool.lease("one") as decoder:
            states.append((pool.default.state, decoder))

    one.engines[0].close = close
    clock.now = 10.0
    pool.tend()
    until(lambda: len(one.engines) == 2 and pool.startable(), "it was opened again")
    assert states == [("closing", None)]


def test_counters_outlive_the_engines():
    clock, one = Clock(), PlantedOpening("one")
    pool = opened(one, clock=clock, idle_seconds=10)
    one.engines[0].decoded = 7
    assert pool.statistics().windows_decoded == 7
    clock.now = 10.0
    pool.tend()
    until(lambda: pool.default.state == "closed", "it is closed")
    assert pool.statistics().windows_decoded == 7
    assert pool.statistics().slots == 0


@pytest.mark.parametrize(
    ("failure", "state"),
    [(EngineFailed("killed"), "open"), (ModelUnreadable("damaged"), "unusable")],
)
def test_what_may_pass_is_tried_again(failure: Exception, state: str):
    one = PlantedOpening("one", failure)
    pool, told = pool_of(one), []
    pool.changed.append(lambda status, error: told.append((status.state, error)))
    pool.want("one")
    until(lambda: pool.default.state == state, f"it is {state}")
    until(lambda: told and told[-1][0] == state, "all was told")
    assert told[0] == ("unavailable" if state == "open" else "unusable", failure)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (EngineAway("no worker is there"), "has no engine that answers"),
        (EngineFailed("killed"), "could not be loaded"),
        (ModelUnreadable("damaged"), "cannot be used"),
    ],
)
def test_what_is_told_of_a_failure_is_no_more_than_what_it_was(failure: Exception, told: str):
    pool = pool_of(PlantedOpening("one", *100 * (failure,)))
    pool.want("one")
    until(lambda: pool.default.trouble is not None, "it failed")
    assert pool.default.trouble == told
    pool.close()


def test_an_engine_that_died_takes_no_jobs():
    one = PlantedOpening("one")
    pool = opened(one)
    one.engines[0].is_alive = False
    assert pool.startable() == set()
    assert pool.default.is_away


def test_closing_ends_what_is_open_and_what_is_being_opened():
    one, two = PlantedOpening("one"), PlantedOpening("two", is_held=True)
    pool = opened(one)
    pool = pool_of(one, two)
    pool.want("one")
    until(lambda: pool.startable(), "one is open")
    pool.want("two")
    closed = []
    one.engines[-1].close = lambda: closed.append("one")
    pool.close()
    assert closed == ["one"]
    two.may_open.set()
    until(lambda: two.engines, "it came after all")
    assert pool.startable() == {"one"}
    pool.want("two")
