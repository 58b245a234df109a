"""How many slots: by the time of steps, on a device whose steps take given times."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch

from decoding.device.cuda_graphs import PlainRunner
from decoding.engine import slot_choice
from decoding.engine.memory import CPU_SLOTS
from decoding.engine.slot_choice import (
    MOST_SECONDS,
    choose_slots,
    quickest,
    time_steps,
    told_before,
)


class Clocked(PlainRunner):
    """Takes no step; each moves the clock by what `seconds` says of its number of windows.

    The first of all takes a second more, as when something is compiled.
    """

    def __init__(self, seconds):
        self.time, self.taken, self._seconds = 0.0, [], seconds

    def run(self, shape, body):
        self.time += self._seconds(shape.slots) + (not self.taken)
        self.taken.append(shape.slots)

    def now(self):
        return self.time


def timed(small, counts, seconds):
    clocked = Clocked(seconds)
    return time_steps(small, counts, runner=clocked, now=clocked.now), clocked


def test_steps_of_every_count_are_timed(small):
    found, _ = timed(small, [2, 4, 3], lambda count: 0.002 + 0.001 * count)
    assert found == pytest.approx({2: 0.004, 3: 0.005, 4: 0.006})


def test_the_time_is_bounded(small):
    """Counts that it does not suffice for are not tried; one always is."""
    found, clocked = timed(small, [1, 2, 3], lambda _count: MOST_SECONDS)
    assert found.keys() == {1}
    assert set(clocked.taken) == {1}


def test_steps_where_nobody_is_are_real_steps(small):
    """On the CPU, plainly: nothing that a step does needs somebody."""
    clock = (at / 1e6 for at in itertools.count())  # no machine is too slow for it
    found = time_steps(small, [1, 2], now=clock.__next__)
    assert found.keys() == {1, 2}


@pytest.mark.parametrize(
    ("seconds", "slots"),
    [
        ({8: 2.5, 16: 3.0, 32: 4.0, 64: 6.0}, 64),  # the more the better
        ({8: 2.5, 16: 3.0, 32: 4.0, 64: 9.0}, 32),  # as turbo on an H100 in its first run
        ({8: 2.0, 16: 4.0, 32: 8.0}, 8),  # the card is full
        ({16: 4.0, 32: 7.9}, 16),  # one per cent is not worth twice the memory
        ({5: 1.0}, 5),
    ],
)
def test_the_quickest_is_taken(seconds, slots):
    choice = quickest({count: step / 1000 for count, step in seconds.items()}, 64, "cuda:0")
    assert choice.slots == slots
    for word in (f"cuda:0 decodes {slots} windows at once", "64", *map(str, seconds)):
        assert word in choice.reason


def on_cuda(model, monkeypatch, most, time_steps):
    monkeypatch.setattr(slot_choice, "slots_for", lambda _model: most)
    monkeypatch.setattr(slot_choice, "release_cached", lambda _device: None)
    monkeypatch.setattr(slot_choice, "time_steps", time_steps)
    return choose_slots(SimpleNamespace(device=torch.device("cuda:0"), decoder=model.decoder))


def test_a_card_is_asked_for_as_many_as_it_holds(small, monkeypatch):
    asked = []
    seconds = {8: 0.002, 16: 0.003, 20: 0.005}
    choice = on_cuda(
        small, monkeypatch, 20, lambda _model, counts: asked.append(list(counts)) or seconds
    )
    assert asked == [[8, 16, 20]]
    assert choice.slots == 16


def test_memory_that_runs_out_while_it_is_timed_decides_nothing(small, monkeypatch):
    def short_of_memory(_model, _counts):
        raise torch.OutOfMemoryError

    assert on_cuda(small, monkeypatch, 20, short_of_memory).slots == 20


def test_the_cpu_is_not_timed(small, monkeypatch):
    monkeypatch.setattr(slot_choice, "time_steps", None)
    choice = choose_slots(small)
    assert choice.slots == CPU_SLOTS
    assert str(CPU_SLOTS) in choice.reason


@pytest.mark.parametrize(
    ("device", "given", "words"),
    [
        ("cuda:0", None, "timed when the model is loaded"),
        ("cuda:0", 7, "7 windows at once, as LONGFORM_SLOTS says"),
        ("cpu", None, f"{CPU_SLOTS} windows"),
    ],
)
def test_how_it_will_be_chosen_is_told(device, given, words):
    assert words in told_before(device, given)
    assert told_before(device, given).startswith(device)
