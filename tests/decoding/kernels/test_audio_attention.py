"""Attention over the sound on CUDA: which way is taken, and our kernel through the interpreter."""

from __future__ import annotations

import math
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch

from decoding.kernels import audio_attention

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="no Triton here: it comes with PyTorch for CUDA"
)


def made(windows: int, queries: int, positions: int, dtype: torch.dtype, spread: float = 0.4):
    generator = torch.Generator().manual_seed(windows * 100 + queries)
    counts = (queries, positions, positions)
    return tuple(
        (torch.randn(windows, 3, count, 64, generator=generator) * spread).to(dtype)
        for count in counts
    )


def expected(query, keys, values):
    query, keys, values = query.double(), keys.double(), values.double()
    return ((query @ keys.mT).softmax(-1) @ values).transpose(1, 2).flatten(2)


@pytest.fixture
def attend_once(monkeypatch):
    """The kernel, interpreted."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # asked when the kernel is made
    from decoding.kernels.audio_attention_triton import attend_once

    return attend_once


@needs_triton
@pytest.mark.parametrize(
    ("windows", "queries", "positions"), [(1, 1, 1500), (2, 5, 1500), (1, 16, 130), (3, 5, 128)]
)
def test_the_kernel_reads_what_two_products_read(attend_once, windows, queries, positions):
    given = made(windows, queries, positions, torch.float32)
    found = attend_once(*given)
    assert found.shape == (windows, queries, 3 * 64)
    torch.testing.assert_close(found.double(), expected(*given), atol=1e-6, rtol=1e-5)


@needs_triton
def test_the_kernel_takes_places_and_queries_where_they_lie(attend_once):
    """Queries as the decoder has them, transposed; windows among others of a larger tensor."""
    query, keys, values = made(2, 5, 200, torch.float32)
    room = torch.full((2, 4, 3, 200, 64), math.nan)
    room[0, 1:3], room[1, 1:3] = keys, values
    turned = query.transpose(1, 2).contiguous().transpose(1, 2)
    found = attend_once(turned, room[0, 1:3], room[1, 1:3])
    torch.testing.assert_close(found, attend_once(query, keys, values), atol=0, rtol=0)


@needs_triton
def test_large_scores_do_not_overflow(attend_once):
    given = made(1, 5, 300, torch.float32, spread=9.0)
    found = attend_once(*given)
    torch.testing.assert_close(found.double(), expected(*given), atol=1e-3, rtol=1e-3)


def test_where_the_kernel_is_not_taken_the_library_is():
    given = made(4, 5, 150, torch.float32)
    found = audio_attention.attend(*given)
    torch.testing.assert_close(found.double(), expected(*given), atol=1e-6, rtol=1e-5)
    assert not audio_attention.supports(given[0])


@pytest.mark.parametrize(
    ("windows", "queries", "dtype", "is_taken"),
    [
        (4, 5, torch.float16, True),
        (64, 16, torch.bfloat16, True),
        (3, 5, torch.float16, False),
        (4, 17, torch.float16, False),
        (4, 5, torch.float32, False),
    ],
)
def test_half_precision_of_many_windows_is_the_kernels(
    monkeypatch, windows, queries, dtype, is_taken
):
    monkeypatch.setattr(audio_attention, "_has_triton", lambda: True)
    asked = []
    kernel = SimpleNamespace(attend_once=lambda *given: asked.append(given) or given[0])
    monkeypatch.setitem(sys.modules, "decoding.kernels.audio_attention_triton", kernel)
    audio_attention.attend(*made(windows, queries, 8, dtype))
    assert bool(asked) == is_taken
