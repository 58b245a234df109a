"""Sums of products in pairs: exact, and by the instruction that they are written for."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

from decoding.kernels.pair_products import (
    NUMBERS_AT_ONCE,
    ROWS_AT_ONCE,
    SUMS_AT_ONCE,
    add_products,
    add_to_sums,
    load_bytes,
    load_shorts,
    no_sums,
    sum_of,
)

LENGTH = 8 * NUMBERS_AT_ONCE


@numba.njit("int32(int8[::1], int16[::1])")
def product(few: Any, more: Any) -> Any:
    sums = no_sums()
    for at in range(0, len(few), NUMBERS_AT_ONCE):
        sums = add_products(sums, load_bytes(few, at), load_shorts(more, at))
    return sum_of(sums)


@numba.njit
def add(sums: Any, to: int, numbers: Any, step: int, rows: Any, pairs: int) -> None:
    add_to_sums(sums, to, numbers, step, rows, pairs)


def made_up(seed: int) -> tuple[Any, Any]:
    dice = np.random.default_rng(seed)
    few = dice.integers(-128, 128, LENGTH, dtype=np.int8)
    return few, dice.integers(-(2**15), 2**15, LENGTH, dtype=np.int16)


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_exact(seed: int) -> None:
    few, more = made_up(seed)
    assert product(few, more) == int(few.astype(np.int64) @ more.astype(np.int64))


def test_largest_numbers_do_not_overflow() -> None:
    few, more = np.full(LENGTH, -128, np.int8), np.full(LENGTH, -(2**15), np.int16)
    assert product(few, more) == LENGTH * 2**22


@pytest.mark.parametrize(("to", "step"), [(0, 2 * NUMBERS_AT_ONCE), (3, 2 * NUMBERS_AT_ONCE + 6)])
def test_rows_are_added_to_sums_pair_by_pair(to: int, step: int) -> None:
    pairs, dice = 7, np.random.default_rng(step)
    numbers = dice.integers(-128, 128, pairs * step, dtype=np.int8)
    rows = dice.integers(-(2**15), 2**15, (ROWS_AT_ONCE, 2 * pairs), dtype=np.int16)
    sums = dice.integers(-100, 100, (ROWS_AT_ONCE, 2 * SUMS_AT_ONCE + 9), dtype=np.int32)
    expected = sums.astype(np.int64)
    for pair in range(pairs):
        theirs = numbers[pair * step :][: 4 * SUMS_AT_ONCE].astype(np.int64).reshape(-1, 2)
        expected[:, to : to + 2 * SUMS_AT_ONCE] += rows[:, 2 * pair : 2 * pair + 2] @ theirs.T
    add(sums, to, numbers, step, rows, pairs)
    np.testing.assert_array_equal(sums, expected)


def test_there_is_one_instruction_for_it() -> None:
    if not get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor has no AVX2")
    code = "\n".join(product.inspect_asm().values())
    assert "vpmaddwd" in code or "vpdpwssd" in code
    assert "vpmulld" not in code
