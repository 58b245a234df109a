"""The wish for wide vectors stands in the loop that it is said in, and in no other."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features

from decoding.kernels.wide_vectors import WISH, take_wide_vectors

LENGTH = 4096


def narrow(numbers: Any) -> None:
    for at in range(LENGTH):
        numbers[at] = numbers[at] * numbers[at]


def wide(numbers: Any) -> None:
    take_wide_vectors()
    for at in range(LENGTH):
        numbers[at] = numbers[at] * numbers[at]


def compiled(function: Any) -> Any:
    return numba.njit("void(float32[::1])")(function)


def test_the_wish_is_of_one_function() -> None:
    """As LLVM prints it: attributes of several functions may be groups with numbers."""
    assert WISH in "\n".join(compiled(wide).inspect_llvm().values())
    assert WISH not in "\n".join(compiled(narrow).inspect_llvm().values())


def test_it_is_granted_where_there_are_such_vectors() -> None:
    if not get_host_cpu_features().get("avx512f", False):
        pytest.skip("this processor has no vectors of 512 bits")
    if numba.config.CPU_FEATURES is not None:
        pytest.skip("NUMBA_CPU_FEATURES is set: loops are held to other instructions")
    assert "%zmm" in "\n".join(compiled(wide).inspect_asm().values())


@pytest.mark.parametrize("function", [narrow, wide])
def test_numbers_are_the_same(function: Any) -> None:
    numbers = np.linspace(-3, 3, LENGTH, dtype=np.float32)
    expected = numbers * numbers
    compiled(function)(numbers)
    np.testing.assert_array_equal(numbers, expected)
