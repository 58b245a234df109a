"""Who goes next: turns between callers, short work first, nobody forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from decoding.engine.waiting_queue import WaitingQueue
from decoding.errors import QueueFull
from decoding.types import SAMPLE_RATE, Clip


def clip(group="g", caller="c", left=1, seconds=30.0):
    samples = np.zeros(int(seconds * SAMPLE_RATE), np.int16)
    return Clip(samples, group=group, caller=caller, windows_left=left)


def filled(clips, limit=100):
    waiting = WaitingQueue(limit)
    for at, one in enumerate(clips):
        waiting.put(one, (one.caller, one.group, at))
    return waiting


def order(waiting, count=None):
    taken = []
    while len(waiting) and (count is None or len(taken) < count):
        taken.append(waiting.take()[1])
    return taken


def test_nobody_waits():
    assert WaitingQueue(3).take() is None


def test_a_group_goes_in_its_order():
    waiting = filled([clip(left=3), clip(left=2), clip(left=1)])
    assert [at for _, _, at in order(waiting)] == [0, 1, 2]


def test_callers_take_turns():
    waiting = filled([clip("a", "a")] * 4 + [clip("b", "b")] * 4)
    callers = [caller for caller, _, _ in order(waiting)]
    assert all(callers[at] != callers[at + 1] for at in range(6))


def test_turns_are_paid_in_seconds():
    """Clips of six seconds come five to each clip of thirty."""
    waiting = filled([clip("a", "a", seconds=30)] * 4 + [clip("b", "b", seconds=6)] * 20, limit=50)
    first = [caller for caller, _, _ in order(waiting, 12)]
    assert first.count("a") == 2
    assert first.count("b") == 10


def test_the_shortest_work_goes_first():
    waiting = filled([clip("long", left=50), clip("short", left=1), clip("middle", left=5)])
    assert [group for _, group, _ in order(waiting)] == ["short", "middle", "long"]


def test_long_work_waits_at_most_three_fair_shares():
    """One long job beside endless short ones of the same caller."""
    waiting = WaitingQueue(10_000)
    for _ in range(20):
        waiting.put(clip("long", left=900), "long")
    for at in range(4):
        waiting.put(clip(f"short {at}"), "short")
    since, worst = 0, 0
    for at in range(300):
        taken = waiting.take()[1]
        since = 0 if taken == "long" else since + 1
        worst = max(worst, since)
        if taken == "short":
            waiting.put(clip(f"short {at + 4}"), "short")
        if "long" not in (group for group in waiting._callers["c"].groups):
            break
    groups = 5
    assert 0 < worst < 3 * groups


def test_what_comes_back_goes_first_in_its_group():
    waiting = filled([clip(), clip()])
    first, item = waiting.take()
    waiting.put_back(first, item)
    assert [at for _, _, at in order(waiting)] == [0, 1]


def test_the_queue_is_bounded():
    waiting = filled([clip()] * 3, limit=3)
    with pytest.raises(QueueFull, match="3 clips"):
        waiting.put(clip(), "more")
    assert len(waiting) == 3


def test_a_group_is_removed_whole():
    waiting = filled([clip("a", "x"), clip("b", "x"), clip("a", "y"), clip("a", "x")])
    assert sorted(at for _, _, at in waiting.remove("a")) == [0, 2, 3]
    assert len(waiting) == 1
    assert [at for _, _, at in waiting.remove_all()] == [1]
    assert len(waiting) == 0
    assert waiting.take() is None
