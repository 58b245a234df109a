"""Two kinds of clips that do not wait for each other."""

from __future__ import annotations

import numpy as np
import pytest

from decoding.engine.scheduler import Scheduler
from decoding.engine.window_request import WindowRequest
from decoding.errors import QueueFull
from decoding.types import Clip, DecodingOptions


class Named(WindowRequest):
    """A request that needs a slot if its name is in capitals."""

    def __init__(self, name, group=None):
        options = DecodingOptions(task="transcribe" if name.isupper() else "voice_activity")
        super().__init__(Clip(np.zeros(100, np.int16), group=group or name.lower()), options)
        self.name = name


def names(requests):
    return [one.name for one in requests]


def filled(*names, limit=10):
    """Those in capitals need a slot."""
    queues = Scheduler(limit)
    for name in names:
        queues.put(Named(name))
    return queues


def test_each_kind_in_its_order_and_apart():
    queues = filled("A", "b", "C", "d", "e")
    assert len(queues) == 5
    assert queues.take().name == "A"
    assert names(queues.take_slotless(2)) == ["b", "d"]
    assert queues.take().name == "C"
    assert queues.take() is None
    assert names(queues.take_slotless(5)) == ["e"]
    assert queues.take_slotless(5) == []
    assert len(queues) == 0


def test_a_full_queue_leaves_room_for_the_other_kind():
    queues = filled("A", "B", "c", limit=2)
    with pytest.raises(QueueFull):
        queues.put(Named("D"))
    queues.put(Named("d"))
    with pytest.raises(QueueFull):
        queues.put(Named("e"))


def test_what_is_put_back_goes_first():
    queues = filled("a", "A")
    queues.put(Named("later", group="a"))
    (first,) = queues.take_slotless(1)
    queues.put_back(first)
    assert names(queues.take_slotless(2)) == ["a", "later"]
    assert queues.take().name == "A"


def test_a_group_is_removed_from_both():
    queues = filled("A", "a", "B", "b")
    assert names(queues.remove("a")) == ["A", "a"]
    assert len(queues) == 2
    assert names(queues.remove_all()) == ["B", "b"]
    assert len(queues) == 0
