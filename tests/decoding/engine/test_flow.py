"""Windows that come one after the other, on a toy device: slots are kept busy, and nobody waits
long for a step because others enter."""

from __future__ import annotations

import dataclasses
import random

import pytest

from decoding.engine.batching_policy import TOGETHER
from decoding.loading.loader import load_model
from decoding.model.dimensions import Dimensions
from tests.decoding.small_models import save, untrained
from tests.decoding.toy_device import Costs, ToyDevice, flow

SLOTS = 32
ALIKE = [110] * 96  # three batches
STEP = Costs().step + SLOTS * Costs().place  # milliseconds
ALL_AT_ONCE = dataclasses.replace(
    TOGETHER, prefill_batch=SLOTS, prefills_under_way=SLOTS, judged_beside_a_step=0
)
DIMS = Dimensions(80, 1500, 64, 1, 1, 51_865, 448, 64, 1, 1)


@pytest.fixture(scope="module")
def numberless(tmp_path_factory):
    path = save(untrained(DIMS), tmp_path_factory.mktemp("meta") / "small.pt")
    return load_model(str(path), device="meta", precision="fp32")


def unlike(count):
    chosen = random.Random(1)
    return [chosen.randint(30, 190) for _ in range(count)]


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.7, 0.7), (0.3, 0.9)])
@pytest.mark.parametrize(("lengths", "occupied"), [(ALIKE, 0.89), (unlike(128), 0.94)])
def test_slots_are_kept_busy_and_steps_come(numberless, monkeypatch, lengths, occupied, shares):
    """Windows of one length, which would come and go together, and of many, while others wait.

    Whoever steps is not kept waiting for longer than what a prefill beside it takes of the device.
    """
    costs = Costs(shares=shares)
    found = flow(numberless, SLOTS, lengths, TOGETHER, monkeypatch, costs)
    assert found.occupied > occupied
    assert found.busy > 0.98
    assert found.longest < STEP / shares[0] + 1


def test_a_flow_is_quicker_than_a_batch(numberless, monkeypatch):
    found = flow(numberless, SLOTS, ALIKE, TOGETHER, monkeypatch)
    batch = flow(numberless, SLOTS, ALIKE[:SLOTS], TOGETHER, monkeypatch)
    assert found.milliseconds_a_window < 0.95 * batch.milliseconds_a_window


def test_one_large_admission_stalls_steps(numberless, monkeypatch):
    """What the others are measured against: all enter, leave and are judged together."""
    found = flow(numberless, SLOTS, ALIKE, ALL_AT_ONCE, monkeypatch)
    assert found.longest > 20 * STEP
    assert found.busy < 0.95


def test_the_device_is_shared():
    """Work of both queues, the second of which waits for the first of the main one."""
    device = ToyDevice(Costs(shares=(0.5, 0.25)))
    device.queue(4.0, is_step=True)
    device.beside = True
    device.queue(2.0, after=device.last(beside=False))
    device.beside = False
    device.queue(2.0, is_step=True)
    device.wait(device.last(beside=True))
    assert device.steps == pytest.approx([4.0, 8.0])  # the second at half its speed
    assert device.now == pytest.approx(9.0)  # a quarter of the speed until 8, then alone
    assert device.busy == pytest.approx(9.0)
