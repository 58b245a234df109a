from __future__ import annotations

import pickle

import numpy as np
import pytest

from decoding.errors import EngineFailed, QueueFull
from decoding.process import messages
from decoding.process.in_flight import InFlight
from decoding.process.shared_memory import SharedMemoryPool
from decoding.types import DecodingOptions
from tests.decoding.fakes import clip

OPTIONS = DecodingOptions()


@pytest.fixture
def pool() -> SharedMemoryPool:
    return SharedMemoryPool(4)


def seeds(requests: list[messages.Request]) -> list[int]:
    return [request.clip.seed for request in requests]


def test_places_are_given_out_once_and_again(pool: SharedMemoryPool) -> None:
    places = {pool.put(np.full(10, n, np.int16)) for n in range(4)}
    assert places == {0, 1, 2, 3}
    with pytest.raises(QueueFull):
        pool.put(np.zeros(1, np.int16))
    pool.give_back(2)
    assert pool.put(np.full(5, 9, np.int16)) == 2
    assert pool.view(2, 5, "<i2").tolist() == [9] * 5


def test_every_clip_is_sent_once(pool: SharedMemoryPool) -> None:
    in_flight = InFlight(pool)
    in_flight.add(clip(1), OPTIONS)
    in_flight.add(clip(2), OPTIONS)
    assert seeds(in_flight.take_sendable()) == [1, 2]
    assert in_flight.take_sendable() == []


def test_finished_and_dropped_clips_free_their_places(pool: SharedMemoryPool) -> None:
    in_flight = InFlight(pool)
    futures = [in_flight.add(clip(n, group="ab"[n % 2]), OPTIONS) for n in range(4)]
    (first, *_) = in_flight.take_sendable()
    assert in_flight.finish(first.key) is futures[0]
    assert in_flight.finish(first.key) is None
    assert in_flight.drop("b") == [futures[1], futures[3]]
    assert in_flight.drop_all() == [futures[2]]
    assert pool.num_free == 4
    assert len(in_flight) == 0


def test_one_death_costs_nothing_but_time(pool: SharedMemoryPool) -> None:
    in_flight = InFlight(pool)
    for n in (1, 2):
        in_flight.add(clip(n), OPTIONS)
    in_flight.take_sendable()
    assert in_flight.has_sent
    assert in_flight.note_death() == []
    assert not in_flight.has_sent
    assert seeds(in_flight.take_sendable()) == [1, 2]


def test_suspect_recordings_go_one_at_a_time_and_nobody_goes_with_them(
    pool: SharedMemoryPool,
) -> None:
    in_flight = InFlight(pool)
    first, second = (in_flight.add(clip(n, group="ab"[n - 1]), OPTIONS) for n in (1, 2))
    in_flight.take_sendable()
    assert in_flight.note_death() == []
    in_flight.add(clip(3, group="c"), OPTIONS)  # came later, is no suspect
    (alone,) = in_flight.take_sendable()
    assert alone.clip.seed == 1
    assert in_flight.take_sendable() == []
    assert in_flight.finish(alone.key) is first
    assert seeds(in_flight.take_sendable()) == [2]
    later = in_flight.add(clip(4, group="b"), OPTIONS)
    assert in_flight.take_sendable() == []
    assert in_flight.note_death() == [second, later]  # the recording is proven, and goes as a whole
    assert seeds(in_flight.take_sendable()) == [3]


def test_windows_of_a_suspect_recording_that_came_later_are_not_blamed(
    pool: SharedMemoryPool,
) -> None:
    in_flight = InFlight(pool)
    in_flight.add(clip(1), OPTIONS)
    (sent,) = in_flight.take_sendable()
    in_flight.note_death()
    in_flight.add(clip(2), OPTIONS)
    assert [request.key for request in in_flight.take_sendable()] == [sent.key]
    in_flight.finish(sent.key)
    assert seeds(in_flight.take_sendable()) == [2]
    assert in_flight.note_death() == []  # its first


def test_clip_that_was_never_sent_is_not_blamed(pool: SharedMemoryPool) -> None:
    in_flight = InFlight(pool)
    in_flight.add(clip(1), OPTIONS)
    for _ in range(5):
        assert in_flight.note_death() == []
    assert seeds(in_flight.take_sendable()) == [1]


def test_our_errors_travel_as_they_are() -> None:
    error = messages.portable(QueueFull("full"))
    assert isinstance(pickle.loads(pickle.dumps(error)), QueueFull)


@pytest.mark.parametrize(
    ("error", "is_fatal"),
    [
        (EngineFailed("gone"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("shapes do not match"), False),
        (QueueFull("CUDA error in a name"), False),
    ],
)
def test_which_errors_end_the_process(error: Exception, is_fatal: bool) -> None:
    assert messages.is_fatal(error) is is_fatal
