"""What loops know of the bits of a float32 number, so that many are treated at a time.

Decides nothing.
"""

from __future__ import annotations

import numpy as np

ROUND = np.float32(1.5 * 2**23)
"""Added and taken away again, it leaves a whole number, of two as near the even; up to 2**22."""
MAGNITUDE = np.int32(0x7FFFFFFF)
"""The bits of a number but for its sign: they are in the order of the numbers, NaN above all."""
