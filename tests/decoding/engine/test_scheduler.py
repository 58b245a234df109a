"""Two kinds of clips that do not wait for each other."""

from __future__ import annotations

import numpy as np
import pytest

from decoding.engine.scheduler import Scheduler
from decoding.errors import QueueFull
from decoding.types import Clip


def clip(group="g"):
    return Clip(np.zeros(100, np.int16), group=group)


def filled(*names, limit=10):
    """Those in capitals need a slot."""
    queues = Scheduler(limit)
    for name in names:
        queues.put(clip(name.lower()), name, needs_slot=name.isupper())
    return queues


def test_each_kind_in_its_order_and_apart():
    queues = filled("A", "b", "C", "d", "e")
    assert len(queues) == 5
    assert queues.take()[1] == "A"
    assert queues.take_slotless(2) == ["b", "d"]
    assert queues.take()[1] == "C"
    assert queues.take() is None
    assert queues.take_slotless(5) == ["e"]
    assert queues.take_slotless(5) == []
    assert len(queues) == 0


def test_a_full_queue_leaves_room_for_the_other_kind():
    queues = filled("A", "B", "c", limit=2)
    with pytest.raises(QueueFull):
        queues.put(clip(), "D", needs_slot=True)
    queues.put(clip(), "d", needs_slot=False)
    with pytest.raises(QueueFull):
        queues.put(clip(), "e", needs_slot=False)


def test_what_is_put_back_goes_first():
    queues = filled("a", "A")
    queues.put(clip("a"), "later", needs_slot=False)
    (first,) = queues.take_slotless(1)
    queues.put_back(clip("a"), first, needs_slot=False)
    assert queues.take_slotless(2) == ["a", "later"]
    assert queues.take()[1] == "A"


def test_a_group_is_removed_from_both():
    queues = filled("A", "a", "B", "b")
    assert list(queues.remove("a")) == ["A", "a"]
    assert len(queues) == 2
    assert list(queues.remove_all()) == ["B", "b"]
    assert len(queues) == 0
