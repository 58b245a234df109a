"""The largest of many numbers, compiled into the loops of others, many numbers at a time.

Compared as numbers they are taken one at a time, lest NaN be lost; in the order of their bits NaN
is above all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.kernels.compiled import compiled
from decoding.kernels.float_bits import MAGNITUDE

_SIGN = np.int32(31)


@compiled()
def largest_of(numbers: Any) -> Any:
    """Of float32 numbers [n], n at least 1: the largest, NaN if there is one without a sign."""
    bits = numbers.view(np.int32)
    most = _in_order(bits[0])
    for at in range(len(bits)):
        most = max(most, _in_order(bits[at]))
    return np.int32(_in_order(most)).view(np.float32)


@compiled()
def _in_order(bits: Any) -> Any:
    """In the order of the numbers: below zero bits are turned. Twice, they are as before."""
    return np.int32(bits ^ ((bits >> _SIGN) & MAGNITUDE))
