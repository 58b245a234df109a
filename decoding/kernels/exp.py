"""e to the power of x, compiled into the loops of others, eight numbers at a time.

The C library's takes one number at a time. `exponential` is within 2e-7 of it, `rough_power`
within a ten-thousandth, in proportion; both are the same for the same x anywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.kernels.compiled import compiled
from decoding.kernels.float_bits import ROUND

LEAST = np.float32(-87.0)  # below, the result is zero

PER_OCTAVE = np.float32(1.4426950408889634)
_OCTAVE = np.float32(0.693359375)  # log 2 in two parts, the first exact when multiplied
_REST_OF_OCTAVE = np.float32(-2.12194440e-4)
_MANTISSA = np.int32(23)
_ONE = np.int32(127 << 23)  # the bits of 1.0
# 1 + y + y^2 x these, the last first, between half an octave down and up: the minimax polynomial
_C5, _C4, _C3, _C2, _C1, _C0 = (
    np.float32(c)
    for c in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)


# Without the word, a caller's liberties would be taken here too, and the rounding left out.
@compiled(fastmath=False)
def exponential(x: Any) -> Any:
    """e to the x of a float32 that is not above 88. NaN stays NaN, minus infinity gives zero."""
    bounded = LEAST if x < LEAST else x
    shifted = np.float32(bounded * PER_OCTAVE + ROUND)
    octaves = shifted - ROUND
    y = bounded - octaves * _OCTAVE - octaves * _REST_OF_OCTAVE
    p = ((((_C5 * y + _C4) * y + _C3) * y + _C2) * y + _C1) * y + _C0
    bits = np.int32((shifted.view(np.int32) << _MANTISSA) + _ONE)
    power = bits.view(np.float32)
    result = (p * y * y + y + np.float32(1)) * power
    return np.float32(0) if x < LEAST else result


_LEAST_OCTAVES = np.float32(-64.0)
# 2 to the y as a polynomial, the last first, between -1/2 and 1/2: least squares, the largest
# differences weighed most until all were as large
_D3, _D2, _D1, _D0 = (np.float32(d) for d in (0.05517121, 0.24261027, 0.69326098, 0.99992813))


@compiled(fastmath={"contract"})
def rough_power(x: Any) -> Any:
    """2 to the x, of a float32 that is not above 127, to be rounded to 8 bits. What is below -64
    gives what -64 does; NaN gives anything."""
    bounded = _LEAST_OCTAVES if x < _LEAST_OCTAVES else x
    shifted = np.float32(bounded + ROUND)
    y = bounded - (shifted - ROUND)
    p = ((_D3 * y + _D2) * y + _D1) * y + _D0
    bits = np.int32((shifted.view(np.int32) << _MANTISSA) + _ONE)
    return p * bits.view(np.float32)
