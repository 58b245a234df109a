"""Sums of products: exact, and by the instructions that they are written for."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

from decoding.kernels.dot_products import (
    FLOAT_SUMS,
    MULTIPLIES_QUADS,
    PAIRED_SUMS,
    QUAD_SUMS,
    ROWS,
    SUMS_AT_ONCE,
    add_pairs,
    add_quads,
    multiply_floats,
    multiply_quads,
)
from decoding.kernels.int8_choice import X86

pytestmark = pytest.mark.instructions
needs_quads = pytest.mark.skipif(
    not MULTIPLIES_QUADS, reason="this processor cannot add up fours of bytes in 512 bits (VNNI)"
)

PAIRS = "void(int32[:, ::1], intp, int8[::1], intp, int16[:, ::1], intp)"


@numba.njit(PAIRS)
def pairs_added(sums: Any, to: int, numbers: Any, step: int, rows: Any, pairs: int) -> None:
    add_pairs(sums, to, numbers, step, rows, pairs)


@numba.njit
def quads_added(sums: Any, to: int, numbers: Any, rows: Any, quads: int) -> None:
    add_quads(sums, to, numbers, rows, quads)


@numba.njit
def quads_multiplied(
    result: Any, some: tuple[Any, Any, Any], theirs: tuple[Any, Any, Any], quads: int
) -> None:
    multiply_quads(result, *some, *theirs, quads)


@numba.njit
def floats_multiplied(result: Any, rows: Any, numbers: Any, bias: Any, count: int) -> None:
    multiply_floats(result, rows, numbers, bias, count)


@pytest.mark.parametrize(("to", "step"), [(0, 2 * PAIRED_SUMS), (3, 2 * PAIRED_SUMS + 6)])
@pytest.mark.parametrize("pairs", [1, 7, 192])
def test_rows_are_added_to_sums_pair_by_pair(pairs: int, to: int, step: int) -> None:
    dice = np.random.default_rng(step)
    numbers = dice.integers(-128, 128, pairs * step, dtype=np.int8)
    rows = dice.integers(-(2**12), 2**12, (ROWS, 2 * pairs), dtype=np.int16)
    sums = dice.integers(-100, 100, (ROWS, PAIRED_SUMS + 9), dtype=np.int32)
    expected = sums.astype(np.int64)
    for pair in range(pairs):
        theirs = numbers[pair * step :][: 2 * PAIRED_SUMS].astype(np.int64).reshape(-1, 2)
        expected[:, to : to + PAIRED_SUMS] += rows[:, 2 * pair : 2 * pair + 2] @ theirs.T
    pairs_added(sums, to, numbers, step, rows, pairs)
    np.testing.assert_array_equal(sums, expected)


def test_largest_pairs_do_not_overflow() -> None:
    pairs = 100
    numbers = np.full(2 * PAIRED_SUMS * pairs, -128, np.int8)
    rows = np.full((ROWS, 2 * pairs), -(2**15), np.int16)
    sums = np.zeros((ROWS, PAIRED_SUMS), np.int32)
    pairs_added(sums, 0, numbers, 2 * PAIRED_SUMS, rows, pairs)
    assert (sums == 2 * pairs * 2**22).all()


def quads_of(numbers: np.ndarray) -> np.ndarray:
    """Numbers [64, m] as they are to lie, [m / 4, 64, 4]."""
    return np.ascontiguousarray(numbers.reshape(QUAD_SUMS, -1, 4).swapaxes(0, 1)).ravel()


@needs_quads
@pytest.mark.parametrize("to", [0, 5])
@pytest.mark.parametrize("quads", [1, 16, 375])
@pytest.mark.parametrize(("ours", "theirs"), [(np.int8, np.uint8), (np.uint8, np.int8)])
def test_rows_are_added_to_sums_four_by_four(ours: Any, theirs: Any, quads: int, to: int) -> None:
    dice = np.random.default_rng(quads)
    least, most = (np.iinfo(kind) for kind in (ours, theirs))
    rows = dice.integers(least.min, least.max + 1, (ROWS, 4 * quads), dtype=ours)
    numbers = dice.integers(most.min, most.max + 1, (QUAD_SUMS, 4 * quads), dtype=theirs)
    sums = dice.integers(-100, 100, (ROWS, QUAD_SUMS + 9), dtype=np.int32)
    expected = sums.astype(np.int64)
    expected[:, to : to + QUAD_SUMS] += rows.astype(np.int64) @ numbers.astype(np.int64).T
    quads_added(sums, to, quads_of(numbers), rows, quads)
    np.testing.assert_array_equal(sums, expected)


@needs_quads
def test_largest_quads_do_not_overflow() -> None:
    quads = 1280
    rows = np.full((ROWS, 4 * quads), -128, np.int8)
    sums = np.zeros((ROWS, QUAD_SUMS), np.int32)
    quads_added(sums, 0, np.full(quads * 4 * QUAD_SUMS, 255, np.uint8), rows, quads)
    assert (sums == -128 * 255 * 4 * quads).all()


@needs_quads
def test_products_of_quads_are_made_real() -> None:
    dice, quads = np.random.default_rng(1), 9
    rows = dice.integers(-127, 128, (ROWS, 4 * quads), dtype=np.int8)
    numbers = dice.integers(0, 256, (QUAD_SUMS, 4 * quads), dtype=np.uint8)
    starts = dice.integers(-(2**20), 2**20, ROWS, dtype=np.int32)
    scales, steps, bias = (dice.random(size, dtype=np.float32) for size in (ROWS, 64, 64))
    result = np.empty((ROWS, QUAD_SUMS), np.float32)
    quads_multiplied(result, (rows, starts, scales), (quads_of(numbers), steps, bias), quads)
    exact = rows.astype(np.int64) @ numbers.astype(np.int64).T + starts[:, None]
    expected = exact.astype(np.float32) * steps * scales[:, None] + bias
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("count", [0, 1, 9, 512])
def test_floats_are_multiplied(count: int) -> None:
    dice = np.random.default_rng(count)
    rows, numbers, bias = (
        dice.integers(-9, 10, size).astype(np.float32)  # whole numbers: exact in any order
        for size in ((ROWS, 515), (count, FLOAT_SUMS), FLOAT_SUMS)
    )
    result = np.empty((ROWS, FLOAT_SUMS), np.float32)
    floats_multiplied(result, rows, numbers.ravel(), bias, count)
    np.testing.assert_array_equal(result, rows[:, :count] @ numbers + bias)


def test_other_arrays_are_refused() -> None:
    with pytest.raises(numba.core.errors.TypingError, match="int8"):
        numba.njit(PAIRS.replace("int8", "int32"))(pairs_added.py_func)
    sums, rows = np.zeros((ROWS, QUAD_SUMS), np.int32), np.zeros((ROWS, 4), np.int8)
    with pytest.raises(numba.core.errors.TypingError, match="uint8"):  # both of them with signs
        quads_added(sums, 0, np.zeros(4 * QUAD_SUMS, np.int8), rows, 1)
    numbers = np.zeros(4 * QUAD_SUMS, np.uint8)
    with pytest.raises(numba.core.errors.TypingError, match="by rows"):
        quads_added(sums, 0, numbers, np.asfortranarray(rows), 1)
    with pytest.raises(numba.core.errors.TypingError, match="by rows"):
        quads_added(sums, 0, np.zeros(8 * QUAD_SUMS, np.uint8)[::2], rows, 1)


def test_there_is_one_instruction_for_pairs() -> None:
    if not get_host_cpu_features().get("avx2", False):
        pytest.skip("this processor has no AVX2")
    if numba.config.CPU_NAME not in (None, "haswell"):
        pytest.skip("NUMBA_CPU_NAME is set: loops are held to other instructions")
    code = "\n".join(pairs_added.inspect_asm().values())
    assert "vpmaddwd" in code or "vpdpwssd" in code
    assert "vpmulld" not in code


@needs_quads
def test_there_is_one_instruction_for_quads_and_sums_stay_in_registers() -> None:
    sums, rows = np.zeros((ROWS, QUAD_SUMS), np.int32), np.zeros((ROWS, 4), np.int8)
    quads_added(sums, 0, np.zeros(4 * QUAD_SUMS, np.uint8), rows, 1)
    for code in quads_added.inspect_asm().values():  # of each kind of arrays
        assert code.count("vpdpbusd") % (ROWS * QUAD_SUMS // 16) == 0  # perhaps several turns
        loop = code[code.index("vpdpbusd") : code.rindex("vpdpbusd")]
        assert not re.search(r"zmm\d+.*\(%rsp\)|\(%rsp\).*zmm\d+", loop)


def test_sums_of_floats_stay_in_registers() -> None:
    if platform.machine() not in X86:
        pytest.skip("what is looked for are names of x86")
    given = (np.zeros((ROWS, size), np.float32) for size in (FLOAT_SUMS, 9))
    floats_multiplied(
        *given, np.zeros(9 * FLOAT_SUMS, np.float32), np.zeros(FLOAT_SUMS, np.float32), 9
    )
    (code,) = floats_multiplied.inspect_asm().values()
    assert code.count("vfmadd") % (ROWS * FLOAT_SUMS // SUMS_AT_ONCE) == 0  # perhaps several turns
    loop = code[code.index("vfmadd") : code.rindex("vfmadd")]
    assert not re.search(r"[yz]mm\d+.*\(%rsp\)|\(%rsp\).*[yz]mm\d+", loop)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NUMBA_ENABLE_AVX", "0"),
        ("NUMBA_CPU_FEATURES", "+avx512bw,+avx512vnni,-avx512f"),
        ("NUMBA_CPU_FEATURES", ""),
    ],
)
def test_numba_may_be_told_to_do_without(name: str, told: str) -> None:
    """Where LLVM has no such instruction it ends the process: it is never asked."""
    if platform.machine() not in X86:
        pytest.skip("what Numba is told here are names of x86")
    script = (
        "import torch; from decoding.kernels import dot_products;"
        "from decoding.kernels.int8_linear import Int8Linear;"
        "assert not dot_products.MULTIPLIES_QUADS and dot_products.SUMS_AT_ONCE == 8;"
        "Int8Linear(torch.randn(64, 64), None, takes_few_rows=True)(torch.randn(5, 64));"
        "from decoding.kernels.panel_linear import PanelLinear;"
        "PanelLinear(torch.randn(64, 64), None)(torch.randn(5, 64))"
    )
    given = {**os.environ, name: told, "NUMBA_CPU_NAME": "haswell"}
    if name == "NUMBA_ENABLE_AVX":
        del given["NUMBA_CPU_NAME"]
    ended = subprocess.run([sys.executable, "-c", script], env=given, check=False)
    assert ended.returncode == 0
