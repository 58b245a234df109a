"""A step's attention on CUDA: which way is taken, and our kernel through the interpreter."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace

import pytest
import torch

from decoding.kernels import step_attention
from decoding.kernels.eight_bits import to_eight_bits
from tests.decoding.kernels.interpreted import needs_triton


def made(windows: int, queries: int, positions: int, dtype: torch.dtype, spread: float = 0.4):
    generator = torch.Generator().manual_seed(windows * 100 + queries)
    counts = (queries, positions, positions)
    return tuple(
        (torch.randn(windows, 3, count, 64, generator=generator) * spread).to(dtype)
        for count in counts
    )


def expected(query, keys, values, mask=0.0):
    query, keys, values = query.double(), keys.double(), values.double()
    return ((query @ keys.mT + mask).softmax(-1) @ values).transpose(1, 2).flatten(2)


def beams_mask(windows: int, queries: int, positions: int) -> torch.Tensor:
    """What beams see: the first position, and of the others about every third."""
    generator = torch.Generator().manual_seed(positions)
    is_seen = torch.rand(windows, 1, queries, positions, generator=generator) < 0.3
    is_seen[..., 0] = True
    return torch.zeros(is_seen.shape).masked_fill_(~is_seen, -math.inf)


@pytest.fixture
def attend_once(interpreted):
    """The kernel, interpreted."""
    from decoding.kernels.step_attention_triton import attend_once

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


@needs_triton
@pytest.mark.parametrize(
    ("windows", "queries", "positions"), [(1, 1, 128), (2, 5, 384), (3, 16, 90)]
)
def test_a_mask_hides_positions(attend_once, windows, queries, positions):
    given, mask = (
        made(windows, queries, positions, torch.float32),
        beams_mask(windows, queries, positions),
    )
    found = attend_once(*given, mask)
    torch.testing.assert_close(found.double(), expected(*given, mask), atol=1e-6, rtol=1e-5)


@needs_triton
def test_a_whole_block_may_be_hidden_whatever_comes_first(attend_once):
    """Of 300 positions the first 200; and what lies behind a mask may not be a number's size."""
    given = made(1, 5, 300, torch.float32)
    mask = torch.zeros(1, 1, 5, 300)
    mask[..., :200] = -math.inf
    found = attend_once(*given, mask)
    torch.testing.assert_close(found.double(), expected(*given, mask), atol=1e-6, rtol=1e-5)


@needs_triton
def test_masks_and_caches_are_read_where_they_lie(attend_once):
    """Live positions of a cache that has more, and of a mask that is as long."""
    query, keys, values = made(2, 5, 512, torch.float32)
    mask = beams_mask(2, 5, 512)
    found = attend_once(query, keys[:, :, :128], values[:, :, :128], mask[..., :128])
    whole = (one[:, :, :128].contiguous() for one in (keys, values))
    again = attend_once(query, *whole, mask[..., :128].contiguous())
    torch.testing.assert_close(found, again, atol=0, rtol=0)


@needs_triton
@pytest.mark.parametrize(("windows", "queries", "positions"), [(1, 1, 1500), (3, 5, 130)])
def test_keys_and_values_of_8_bits_are_read_as_they_are(attend_once, windows, queries, positions):
    """By their scales, which lie among those of other windows."""
    query, *whole = made(windows, queries, positions, torch.float32)
    keys, values = (to_eight_bits(one * 3) for one in whole)
    room = torch.full((2, windows + 2, 3, 64), math.nan)
    room[0, 1:-1], room[1, 1:-1] = keys.scale, values.scale
    scales = (room[0, 1:-1], room[1, 1:-1])
    found = attend_once(query, keys.numbers, values.numbers, scales=scales)
    exact = expected(query, *(one.whole(torch.float32) for one in (keys, values)))
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)


def test_keys_and_values_of_8_bits_without_the_kernel():
    query, *whole = made(4, 5, 150, torch.float32)
    found = step_attention.attend_eight_bits(query, *map(to_eight_bits, whole))
    exact = expected(query, *(to_eight_bits(one).whole(torch.float32) for one in whole))
    torch.testing.assert_close(found.double(), exact, atol=1e-6, rtol=1e-5)
    assert (found.double() - expected(query, *whole)).abs().max() < 0.02


def test_where_the_kernel_is_not_taken_the_library_is():
    given = made(4, 5, 150, torch.float32)
    found = step_attention.attend_unmasked(*given)
    torch.testing.assert_close(found.double(), expected(*given), atol=1e-6, rtol=1e-5)
    assert not step_attention.supports_unmasked(given[0])
    assert not step_attention.supports(*given[:2], beams_mask(4, 5, 150))


@pytest.fixture
def asked(monkeypatch):
    """What a kernel that is always there was asked."""
    calls = []
    kernel = SimpleNamespace(attend_once=lambda *given, **_: calls.append(given) or given[0])
    monkeypatch.setitem(sys.modules, "decoding.kernels.step_attention_triton", kernel)
    monkeypatch.setattr(step_attention, "is_for_triton", lambda query: True)
    return calls


@pytest.mark.parametrize(
    ("windows", "queries", "is_taken"),
    [(4, 5, True), (64, 16, True), (3, 5, False), (4, 17, False)],
)
def test_the_sound_of_many_windows_is_the_kernels(asked, windows, queries, is_taken):
    step_attention.attend_unmasked(*made(windows, queries, 8, torch.float16))
    assert bool(asked) == is_taken


@pytest.mark.parametrize(("windows", "is_taken"), [(4, True), (3, False)])
def test_8_bits_of_many_windows_are_the_kernels(asked, windows, is_taken):
    query, *whole = made(windows, 5, 8, torch.float16)
    keys, values = (to_eight_bits(one.float()) for one in whole)
    step_attention.attend_eight_bits(query, keys, values)
    assert [given[1].dtype for given in asked] == [torch.int8] * is_taken


@pytest.mark.parametrize(
    ("queries", "dimensions", "is_taken"),
    [(5, 4, True), (1, 4, True), (17, 4, False), (5, 2, False)],
)
def test_text_is_the_kernels_where_beams_read_it(asked, queries, dimensions, is_taken):
    """Whole texts, of which a mask [n, n] is the same for all windows, are not."""
    query, keys, values = made(1, queries, 8, torch.float16)
    mask = torch.zeros((1, 1, queries, 8)[4 - dimensions :])
    assert step_attention.supports(query, keys, mask) == is_taken
    if is_taken:
        step_attention.attend_masked(query, keys, values, mask)
    assert len(asked) == is_taken
