"""Slots from sizes."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch

from decoding.engine.memory import (
    CPU_SLOTS,
    MOST_SLOTS,
    SHARE,
    cross_attention_bytes,
    lasting,
    release_cached,
    slots_for,
    used_bytes,
    window_bytes,
)
from tests.decoding.small_models import dimensions


def test_a_window_of_large_v3_takes_what_its_parts_take():
    large = dataclasses.replace(dimensions(), n_text_ctx=448, n_text_state=1280, n_text_layer=32)
    audio = 32 * 2 * 1500 * 1280 * 2
    assert cross_attention_bytes(large, 2) == audio
    assert audio < window_bytes(large, 2) < 2 * audio


@pytest.mark.parametrize(("windows", "slots"), [(0.5, 1), (1.0, 1), (7.9, 7), (1000.0, MOST_SLOTS)])
@pytest.mark.parametrize("is_eight_bit", [False, True])
def test_a_card_has_as_many_as_its_memory_holds(monkeypatch, windows, slots, is_eight_bit):
    """Of what is free, the share that slots may take, in windows."""
    decoder = SimpleNamespace(dtype=torch.float16)
    device, audio = torch.device("cuda:0"), 1 if is_eight_bit else 2
    model = SimpleNamespace(
        device=device,
        dimensions=dimensions(),
        decoder=decoder,
        has_eight_bit_audio=is_eight_bit,
    )
    free = math.ceil(windows * window_bytes(dimensions(), 2, audio) / SHARE)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (free, 2 * free))
    assert slots_for(model) == slots


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
