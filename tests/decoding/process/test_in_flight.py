from __future__ import annotations

import pickle

import numpy as np
import pytest

from decoding.errors import EngineFailed, QueueFull
from decoding.process import messages
from decoding.process.in_flight import Ledger
from decoding.process.shared_memory import Arena
from decoding.types import DecodingOptions
from tests.decoding.fakes import clip

OPTIONS = DecodingOptions()


@pytest.fixture
def arena() -> Arena:
    return Arena(4)


def seeds(requests: list[messages.Request]) -> list[int]:
    return [request.seed for request in requests]


def test_places_are_given_out_once_and_again(arena: Arena) -> None:
    places = {arena.put(np.full(10, n, np.int16)) for n in range(4)}
    assert places == {0, 1, 2, 3}
    with pytest.raises(QueueFull):
        arena.put(np.zeros(1, np.int16))
    arena.give_back(2)
    assert arena.put(np.full(5, 9, np.int16)) == 2
    assert arena.view(2, 5, "<i2").tolist() == [9] * 5


def test_every_clip_is_sent_once(arena: Arena) -> None:
    ledger = Ledger(arena)
    ledger.add(clip(1), OPTIONS)
    ledger.add(clip(2), OPTIONS)
    assert seeds(ledger.take_sendable()) == [1, 2]
    assert ledger.take_sendable() == []


def test_finished_and_dropped_clips_free_their_places(arena: Arena) -> None:
    ledger = Ledger(arena)
    futures = [ledger.add(clip(n, group="ab"[n % 2]), OPTIONS) for n in range(4)]
    (first, *_) = ledger.take_sendable()
    assert ledger.finish(first.key) is futures[0]
    assert ledger.finish(first.key) is None
    assert ledger.drop("b") == [futures[1], futures[3]]
    assert ledger.drop_all() == [futures[2]]
    assert arena.num_free == 4
    assert len(ledger) == 0


def test_one_death_costs_nothing_but_time(arena: Arena) -> None:
    ledger = Ledger(arena)
    for n in (1, 2):
        ledger.add(clip(n), OPTIONS)
    ledger.take_sendable()
    assert ledger.has_sent
    assert ledger.note_death() == []
    assert not ledger.has_sent
    assert seeds(ledger.take_sendable()) == [1, 2]


def test_suspect_recordings_go_one_at_a_time_and_nobody_goes_with_them(arena: Arena) -> None:
    ledger = Ledger(arena)
    first, second = (ledger.add(clip(n, group="ab"[n - 1]), OPTIONS) for n in (1, 2))
    ledger.take_sendable()
    assert ledger.note_death() == []
    ledger.add(clip(3, group="c"), OPTIONS)  # came later, is no suspect
    (alone,) = ledger.take_sendable()
    assert alone.seed == 1
    assert ledger.take_sendable() == []
    assert ledger.finish(alone.key) is first
    assert seeds(ledger.take_sendable()) == [2]
    later = ledger.add(clip(4, group="b"), OPTIONS)
    assert ledger.take_sendable() == []
    assert ledger.note_death() == [second, later]  # the recording is proven, and goes as a whole
    assert seeds(ledger.take_sendable()) == [3]


def test_windows_of_a_suspect_recording_that_came_later_are_not_blamed(arena: Arena) -> None:
    ledger = Ledger(arena)
    ledger.add(clip(1), OPTIONS)
    (sent,) = ledger.take_sendable()
    ledger.note_death()
    ledger.add(clip(2), OPTIONS)
    assert [request.key for request in ledger.take_sendable()] == [sent.key]
    ledger.finish(sent.key)
    assert seeds(ledger.take_sendable()) == [2]
    assert ledger.note_death() == []  # its first


def test_clip_that_was_never_sent_is_not_blamed(arena: Arena) -> None:
    ledger = Ledger(arena)
    ledger.add(clip(1), OPTIONS)
    for _ in range(5):
        assert ledger.note_death() == []
    assert seeds(ledger.take_sendable()) == [1]


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
