"""Memory that is asked for ahead: anywhere, and nothing changes."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from decoding.kernels.prefetch import prefetch

pytestmark = pytest.mark.instructions


@numba.njit
def asked_for(numbers: Any, ahead: int) -> float:
    total = 0.0
    for at in range(len(numbers)):
        prefetch(numbers, at + ahead)
        total += numbers[at]
    return total


@pytest.mark.parametrize("ahead", [0, 1024, 2**40, -(2**40)])  # where nothing is, too
def test_nothing_changes_wherever_it_is_asked_for(ahead: int) -> None:
    assert asked_for(np.arange(100, dtype=np.float32), ahead) == 4950


def test_it_is_asked_for() -> None:
    asked_for(np.zeros(1, np.float32), 0)
    code = "\n".join(asked_for.inspect_asm().values())
    assert "prefetch" in code or "prfm" in code


def test_other_arrays_are_refused() -> None:
    with pytest.raises(numba.core.errors.TypingError, match="side by side"):
        asked_for(np.zeros((3, 3), np.float32), 0)
    with pytest.raises(numba.core.errors.TypingError, match="side by side"):
        asked_for(np.zeros(6, np.float32)[::2], 0)
