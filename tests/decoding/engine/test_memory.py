"""Slots from sizes."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from decoding.engine.memory import (
    CPU_SLOTS,
    cross_attention_bytes,
    lasting,
    release_cached,
    slots_for,
    slots_within,
    used_bytes,
    window_bytes,
)
from tests.decoding.small_models import dimensions


def test_a_window_of_large_v3_takes_what_its_parts_take():
    large = dataclasses.replace(dimensions(), n_text_ctx=448, n_text_state=1280, n_text_layer=32)
    audio = 32 * 2 * 1500 * 1280 * 2
    assert cross_attention_bytes(large, 2) == audio
    assert audio < window_bytes(large, 2) < 2 * audio


@pytest.mark.parametrize(("memory", "slots"), [(0, 1), (29, 1), (30, 2), (150, 10), (160, 11)])
def test_windows_that_wait_for_a_slot_have_room_too(memory, slots):
    """Slots of 10 bytes, 5 for each of at most 10 windows on their way."""
    assert slots_within(memory, 10, 5, 10) == slots


def test_the_cpu_has_a_fixed_number(small):
    assert slots_for(small) == CPU_SLOTS
    assert used_bytes(small.device) == 0
    release_cached(small.device)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 2), (2, 6, 1500, 64)])
def test_lasting_memory_is_like_any_other(dtype, shape):
    found = lasting(torch.empty(0, dtype=dtype), shape, float("-inf"))
    assert torch.equal(found, torch.full(shape, float("-inf"), dtype=dtype))
    assert found.is_contiguous()
