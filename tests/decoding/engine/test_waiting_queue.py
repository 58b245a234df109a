"""Who goes next: turns between callers, short work first, nobody forgotten."""

from __future__ import annotations

import numpy as np
import pytest

from decoding.engine.waiting_queue import WaitingQueue
from decoding.engine.window_request import WindowRequest
from decoding.errors import QueueFull
from decoding.types import SAMPLE_RATE, Clip, DecodingOptions


def request(group="g", caller="c", left=1, seconds=30.0, start=0.0):
    samples = np.zeros(int(seconds * SAMPLE_RATE), np.int16)
    clip = Clip(samples, group=group, caller=caller, windows_left=left, start=start)
    return WindowRequest(clip, DecodingOptions())


def filled(requests, limit=100):
    waiting = WaitingQueue(limit)
    for one in requests:
        waiting.put(one)
    return waiting


def order(waiting, count=None):
    taken = []
    while len(waiting) and (count is None or len(taken) < count):
        taken.append(waiting.take())
    return taken


def test_nobody_waits():
    assert WaitingQueue(3).take() is None


def test_a_group_goes_in_its_order():
    requests = [request(left=3), request(left=2), request(left=1)]
    assert order(filled(requests)) == requests


def test_the_earliest_of_a_recording_goes_first():
    """A repair of its beginning does not wait for what was asked before, nor who comes back."""
    late, later, repair = (request(start=start) for start in (75.0, 100.0, 12.5))
    waiting = filled([later, late, repair])
    assert waiting.take() is repair
    waiting.put(same := request(start=75.0))
    waiting.put_back(again := request(start=75.0))
    assert order(waiting) == [again, late, same, later]


def test_callers_take_turns():
    waiting = filled(request(name, name) for name in "aaaabbbb")
    callers = [one.clip.caller for one in order(waiting)]
    assert all(callers[at] != callers[at + 1] for at in range(6))


def test_turns_are_paid_in_seconds():
    """Clips of six seconds come five to each clip of thirty."""
    lengths = [("a", 30)] * 4 + [("b", 6)] * 20
    waiting = filled((request(name, name, seconds=long) for name, long in lengths), limit=50)
    first = [one.clip.caller for one in order(waiting, 12)]
    assert first.count("a") == 2
    assert first.count("b") == 10


def test_the_shortest_work_goes_first():
    lengths = {"long": 50, "short": 1, "middle": 5}
    waiting = filled(request(name, left=left) for name, left in lengths.items())
    assert [one.clip.group for one in order(waiting)] == ["short", "middle", "long"]


def test_long_work_waits_at_most_three_fair_shares():
    """One long job beside endless short ones of the same caller."""
    waiting = WaitingQueue(10_000)
    for _ in range(20):
        waiting.put(request("long", left=900))
    for at in range(4):
        waiting.put(request(f"short {at}"))
    since, worst = 0, 0
    for at in range(300):
        is_long = waiting.take().clip.group == "long"
        since = 0 if is_long else since + 1
        worst = max(worst, since)
        if not is_long:
            waiting.put(request(f"short {at + 4}"))
        if "long" not in (group for group in waiting._callers["c"].groups):
            break
    groups = 5
    assert 0 < worst < 3 * groups


def test_what_comes_back_goes_first_in_its_group():
    requests = [request(), request()]
    waiting = filled(requests)
    waiting.put_back(waiting.take())
    assert order(waiting) == requests


def test_the_queue_is_bounded():
    waiting = filled([request() for _ in range(3)], limit=3)
    with pytest.raises(QueueFull, match="3 clips"):
        waiting.put(request())
    assert len(waiting) == 3


def test_a_group_is_removed_whole():
    first, other, second, third = (request(*names) for names in ("ax", "bx", "ay", "ax"))
    waiting = filled([first, other, second, third])
    assert set(waiting.remove("a")) == {first, second, third}
    assert len(waiting) == 1
    assert list(waiting.remove_all()) == [other]
    assert len(waiting) == 0
    assert waiting.take() is None
