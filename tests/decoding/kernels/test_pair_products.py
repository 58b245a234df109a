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
    add_to_sums,
)

pytestmark = pytest.mark.instructions

ARRAYS = "int32[:, ::1], intp, int8[::1], intp, int16[:, ::1], intp"


@numba.njit(f"void({ARRAYS})")
def add(sums: Any, to: int, numbers: Any, step: int, rows: Any, pairs: int) -> None:
    add_to_sums(sums, to, numbers, step, rows, pairs)


@pytest.mark.parametrize(("to", "step"), [(0, 2 * NUMBERS_AT_ONCE), (3, 2 * NUMBERS_AT_ONCE + 6)])
@pytest.mark.parametrize("pairs", [1, 7, 192])
def test_rows_are_added_to_sums_pair_by_pair(pairs: int, to: int, step: int) -> None:
    dice = np.random.default_rng(step)
    numbers = dice.integers(-128, 128, pairs * step, dtype=np.int8)
    rows = dice.integers(-(2**12), 2**12, (ROWS_AT_ONCE, 2 * pairs), dtype=np.int16)
    sums = dice.integers(-100, 100, (ROWS_AT_ONCE, 2 * SUMS_AT_ONCE + 9), dtype=np.int32)
    expected = sums.astype(np.int64)
    for pair in range(pairs):
        theirs = numbers[pair * step :][: 4 * SUMS_AT_ONCE].astype(np.int64).reshape(-1, 2)
        expected[:, to : to + 2 * SUMS_AT_ONCE] += rows[:, 2 * pair : 2 * pair + 2] @ theirs.T
    add(sums, to, numbers, step, rows, pairs)
    np.testing.assert_array_equal(sums, expected)


def test_largest_numbers_do_not_overflow() -> None:
    pairs = 100
    numbers = np.full(2 * NUMBERS_AT_ONCE * pairs, -128, np.int8)
    rows = np.full((ROWS_AT_ONCE, 2 * pairs), -(2**15), np.int16)
    sums = np.zeros((ROWS_AT_ONCE, 2 * SUMS_AT_ONCE), np.int32)
    add(sums, 0, numbers, 2 * NUMBERS_AT_ONCE, rows, pairs)
    assert (sums == 2 * pairs * 2**22).all()


def test_other_arrays_are_refused() -> None:
    with pytest.raises(numba.core.errors.TypingError, match="int8"):
        numba.njit(f"void({ARRAYS.replace('int8', 'int32')})")(add.py_func)


def test_there_is_one_instruction_for_it() -> None:
    if not get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor has no AVX2")
    if numba.config.CPU_NAME not in (None, "haswell"):
        pytest.skip("NUMBA_CPU_NAME is set: loops are held to other instructions")
    code = "\n".join(add.inspect_asm().values())
    assert "vpmaddwd" in code or "vpdpwssd" in code
    assert "vpmulld" not in code
