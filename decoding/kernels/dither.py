"""Offsets by which many small numbers are rounded, some up and some down, as one on average.

Decides nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.kernels.compiled import compiled

_GOLDEN = np.float32(0.618034)


@compiled()
def spread(offsets: Any) -> None:
    """Offsets [n] from -1/2 to 1/2, neighbours far apart: multiples of the golden ratio."""
    for at in range(len(offsets)):
        offsets[at] = np.float32((at * _GOLDEN) % np.float32(1)) - np.float32(0.5)
