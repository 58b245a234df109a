"""Slots from sizes."""

from __future__ import annotations

import dataclasses

from decoding.memory import (
    CPU_SLOTS,
    admitted_at_once,
    release,
    slots_for,
    used_bytes,
    window_bytes,
)
from tests.decoding.small_models import dimensions


def test_a_window_of_large_v3_takes_what_its_parts_take():
    large = dataclasses.replace(dimensions(), n_text_ctx=448, n_text_state=1280, n_text_layer=32)
    audio = 32 * 2 * 1500 * 1280 * 2
    assert audio < window_bytes(large, 2) < 2 * audio


def test_the_cpu_has_a_fixed_number(small):
    assert slots_for(small) == CPU_SLOTS
    assert used_bytes(small.device) == 0
    assert admitted_at_once(small.device) == 1
    release(small.device)
