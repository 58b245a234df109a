"""Loops shared between threads: every piece of work is done once, with the same bits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numba import carray

from decoding.kernels import beam_attention, int8_rows, logsumexp, openmp
from decoding.kernels.openmp import WORTH_SHARING, share_of, shared_loop


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@shared_loop()
def count_shares(block: Any) -> None:
    """Add one to each of the pieces that are ours, and write how large our share is."""
    count = carray(block[0], 1, np.int64)[0]
    done = carray(block[1], (2, count), np.float32)
    first, after = share_of(count)
    for at in range(first, after):
        done[0, at] += 1
        done[1, at] = after - first


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 7, 48])
def test_every_piece_is_done_once(threads: int, count: int) -> None:
    torch.set_num_threads(threads)
    done = torch.zeros(2, count)
    count_shares([count], done, work=WORTH_SHARING)
    assert (done[0] == 1).all()


def test_work_is_shared_when_it_is_worth_it() -> None:
    torch.set_num_threads(2)
    done = torch.zeros(2, 10)
    count_shares([10], done, work=WORTH_SHARING)
    assert (done[1] == 5).all()
    count_shares([10], done, work=WORTH_SHARING - 1)
    assert (done[1] == 10).all()


def test_one_thread_does_it_all_where_there_is_no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmp, "_pool", lambda: None)
    torch.set_num_threads(2)
    done = torch.zeros(2, 10)
    count_shares([10], done, work=WORTH_SHARING)
    assert (done[1] == 10).all()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted by Linux")
def test_the_pool_ends_and_comes_back() -> None:
    torch.set_num_threads(2)
    openmp.end_pool()
    before = threads_here()
    done = torch.zeros(2, 10)
    count_shares([10], done, work=WORTH_SHARING)
    begun = threads_here() - before
    assert len(begun) == 1
    openmp.end_pool()
    until = time.monotonic() + 60
    while begun & threads_here() and time.monotonic() < until:
        time.sleep(0.01)
    assert not begun & threads_here()
    count_shares([10], done, work=WORTH_SHARING)
    assert (done[0] == 2).all()


def threads_here() -> set[str]:
    return {one.name for one in Path("/proc/self/task").iterdir()}


def attended() -> tuple[torch.Tensor, ...]:
    query, keys = torch.randn(3, 3, 5, 64), torch.randn(3, 3, 700, 64)
    mask = torch.zeros(3, 1, 5, 700).masked_fill_(torch.rand(3, 1, 5, 700) < 0.7, float("-inf"))
    mask[..., 0] = 0.0
    all_seen = beam_attention.attend_unmasked(query, keys, keys)
    return all_seen, beam_attention.attend_masked(query, keys, keys, mask)


def scanned() -> tuple[torch.Tensor, ...]:
    return logsumexp.block_maxima_and_logsumexp(torch.randn(11, 9_000), 8_900)


def rounded() -> tuple[torch.Tensor, ...]:
    steps, scales = int8_rows.quantise_rows(torch.randn(101, 640))
    result = torch.empty(101, 640)
    int8_rows.dequantise_rows(steps, scales, torch.randn(640), result)
    return steps, scales, result


@pytest.mark.parametrize("work", [attended, scanned, rounded])
def test_the_number_of_threads_changes_no_bit(work: Any) -> None:
    found = []
    for threads in (1, 2, 3, 8):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        found.append(work())
    for other in found[1:]:
        assert all(torch.equal(*pair) for pair in zip(found[0], other, strict=True))
